//! mod_rest's rest.sh, the known client of mod_http_oauth2, in its version of 2023: step by step what it
//! sends, in that order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::answers::code_shown;
use crate::client::Http;
use crate::world::World;

/// What it makes from a random number: shorter than RFC 7636 §4.1 allows would not pass.
const VERIFIER: &str = "SFB1bmNoYXJkIGlzIGEgdmVyaWZpZXIgb2YgMzMgYnl0";

struct Remembered {
    metadata: Value,
    client: Value,
}

impl Remembered {
    fn endpoint(&self, name: &str) -> &str {
        self.metadata[name].as_str().expect(name)
    }

    fn client(&self, name: &str) -> &str {
        self.client[name].as_str().expect(name)
    }
}

/// Discovery and registration, by the addresses of the metadata alone.
async fn registered(world: &World) -> Remembered {
    let url = world.url("/.well-known/oauth-authorization-server");
    let metadata = Http::new().get(&url).await.json();
    let asked = json!({
        "client_name": "rest.sh",
        "client_uri": "https://modules.prosody.im/mod_rest",
        "application_type": "native",
        "software_id": "0bdb0eb9-18e8-43af-a7f6-bd26613374c0",
        "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob"],
    });
    let endpoint = metadata["registration_endpoint"].as_str().unwrap();
    let answer = Http::new().post_json(endpoint, &asked).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Remembered {
        client: answer.json(),
        metadata,
    }
}

/// No redirect URI, no state, a plain challenge without a method.
fn authorization_url(known: &Remembered, scope: &str) -> String {
    let query = [
        ("response_type", "code"),
        ("client_id", known.client("client_id")),
        ("code_challenge", VERIFIER),
        ("scope", scope),
    ];
    let endpoint = known.endpoint("authorization_endpoint");
    Url::parse_with_params(endpoint, query).unwrap().into()
}

#[tokio::test]
async fn the_client_of_mod_rest_walks_its_whole_way() {
    let world = World::with("flows.allowed_code_challenge_methods = ['S256', 'plain']").await;
    for (scope, granted) in [
        ("openid prosody:user xmpp", "openid xmpp"),
        ("openid xmpp", "openid xmpp"),
    ] {
        let known = registered(&world).await;
        // the person copies the code from the page
        let mut browser = Http::new();
        let page = world
            .log_in(&mut browser, &authorization_url(&known, scope))
            .await;
        let page = world.decide(&mut browser, &page, "allow").await;
        let code = code_shown(&page);

        // the secret in the form, though it registered for the header
        let mine = [
            ("client_id", known.client("client_id")),
            ("client_secret", known.client("client_secret")),
        ];
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        fields.extend(mine);
        let token_endpoint = known.endpoint("token_endpoint");
        let answer = Http::new().post_form(token_endpoint, &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tokens = answer.json();
        assert_eq!(tokens["scope"], granted);

        let bearer =
            |tokens: &Value| format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        let userinfo = known.endpoint("userinfo_endpoint");
        let mut http = Http::new().with("authorization", &bearer(&tokens));
        let who = http.get(userinfo).await.json();
        assert_eq!(who["preferred_username"], "alice");

        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ];
        fields.extend(mine);
        let answer = Http::new().post_form(token_endpoint, &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tokens = answer.json();

        // revocation by HTTP Basic
        let basic = format!("{}:{}", mine[0].1, mine[1].1);
        let basic = format!("Basic {}", STANDARD.encode(basic));
        let refresh_token = tokens["refresh_token"].as_str().unwrap();
        let answer = Http::new()
            .with("authorization", &basic)
            .post_form(
                known.endpoint("revocation_endpoint"),
                &[("token", refresh_token)],
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut http = Http::new().with("authorization", &bearer(&tokens));
        assert_eq!(http.get(userinfo).await.status, 401);
    }
}

#[tokio::test]
async fn where_the_operator_does_not_allow_plain_it_is_told_why() {
    let world = World::new().await;
    let known = registered(&world).await;
    let page = Http::new().get(&authorization_url(&known, "xmpp")).await;
    crate::answers::assert_error_page(&page, "code_challenge_method plain is not allowed here");
}
