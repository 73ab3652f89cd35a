//! Hosts that keep no passwords and have no module of ours: Prosody's `mod_auth_oauth_external` lets people
//! in by what `/oauth2/validate/HOST` answers. Debian does not package that module; a file of it is taken
//! from `XMPP_OAUTH_EXTERNAL_MODULE` where that is set, and a stand-in that asks the same elsewhere. Debian
//! 12's Prosody has no OAUTHBEARER of its own.

use std::path::{Path, PathBuf};

use serde_json::Value;
use xmpp_oauth::xmpp::c2s::Bearer;

use crate::answers::parameter;
use crate::site::{Site, settings};
use crate::support::http::Http;
use crate::support::ports::free_ports;
use crate::support::process::Program;
use crate::support::prosody::{ALICE, ALICE_ELSEWHERE, Builder, OTHER_HOST, Prosody, User};
use crate::support::release::{Release, servers};
use crate::support::server::{Server, Wish};

/// Alice of the other host, by her whole address.
const ELSEWHERE: User<'_> = User {
    name: "alice@other.localhost",
    ..ALICE_ELSEWHERE
};

/// Of the client that the host is, when it hands passwords on.
const SECRET: &str = "a secret that is only used in these tests";

/// A server that keeps no passwords, and the one that keeps them.
struct Place {
    site: Site,
    _keeper: Prosody,
}

fn module() -> PathBuf {
    let own = "tests/server/mod_auth_oauth_external.lua";
    std::env::var_os("XMPP_OAUTH_EXTERNAL_MODULE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(own),
        PathBuf::from,
    )
}

/// A server and our program, where the server has to know our port as we have to know its own.
async fn join(
    release: Release,
    more: &str,
    shape: impl FnOnce(Builder, &Program) -> Builder,
) -> Site {
    let [component] = free_ports();
    let link = format!("127.0.0.1:{component}");
    let mut program = Program::new(|http, ops| settings(http, ops, &link, more));
    let builder = Prosody::builder(release)
        .module_file(module())
        .global_line(&format!("component_ports = {{ {component} }}"));
    let server = Server::Prosody(shape(builder, &program).start().await);
    program.start().await;
    Site { server, program }
}

/// The lines of a host that asks us about the accounts of `localhost`.
fn asking(program: &Program) -> String {
    format!(
        "authentication = \"oauth_external\"\noauth_external_issuer = \"{}\"\n\
         oauth_external_validation_endpoint = \"{}\"\noauth_external_token_endpoint = \"{}\"\n\
         oauth_external_client_id = \"passwords\"\noauth_external_client_secret = \"{SECRET}\"\n\
         oauth_external_scope = \"xmpp\"\noauth_external_sasl_username_mapping = \"join\"",
        program.url(""),
        program.url("/oauth2/validate/localhost"),
        program.url("/oauth2/token")
    )
}

impl Place {
    async fn start(release: Release) -> Self {
        let keeper = Prosody::builder(release)
            .without_oauth_module()
            .start()
            .await;
        let more = format!(
            "[xmpp]\nhosts = [\"localhost\", \"other.localhost\"]\n\
             validate_hosts = [\"localhost\", \"other.localhost\"]\n\
             authentication = \"c2s\"\n\
             [flows]\nallowed_grant_types = [\"authorization_code\", \"refresh_token\", \"password\"]\n\
             password_clients = [\"passwords\"]\n\
             [[clients]]\nclient_id = \"passwords\"\nclient_secret = \"{SECRET}\"\n\
             client_name = \"Old chat clients\"\ngrant_types = [\"password\"]\n\
             token_endpoint_auth_method = \"client_secret_post\"\n\
             [xmpp.c2s]\naddress = \"{}\"\ntls = \"none\"",
            keeper.c2s()
        );
        let site = join(release, &more, |server, program| {
            server.without_oauth_module().host_line(&asking(program))
        });
        Self {
            site: site.await,
            _keeper: keeper,
        }
    }

    /// What the host says to the client about a token that it does not take.
    async fn refusal(&self, token: &str) -> Value {
        match self.site.show(token).await.unwrap() {
            Bearer::Challenge(json) => serde_json::from_str(&json).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

async fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for release in servers() {
        if Wish::of(release).has_oauthbearer() {
            places.push(Place::start(release).await);
        }
    }
    places
}

const HERE: User<'_> = User {
    name: "alice@localhost",
    ..ALICE
};

#[tokio::test]
async fn a_host_without_passwords_and_module_lets_its_people_in_by_token() {
    for Place { site, _keeper } in places().await {
        let tokens = site.tokens_of(HERE, "openid xmpp").await;
        let (_, jid) = site.session(&tokens.access).await;
        assert_eq!(jid.to_bare().as_str(), "alice@localhost");

        let refreshed = site.refresh(&tokens.client_id, &tokens.refresh).await;
        let access = refreshed.json()["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(site.logs_in(&access).await);
    }
}

#[tokio::test]
async fn chat_clients_that_know_no_tokens_log_in_there_with_the_password_that_another_server_knows()
{
    for Place { site, _keeper } in places().await {
        assert!(site.knows(ALICE).await);
        let wrong = User {
            password: "wrong",
            ..ALICE
        };
        assert!(!site.knows(wrong).await, "any password will do");
    }
}

#[tokio::test]
async fn such_a_host_lets_nobody_else_in_and_says_where_tokens_are_had() {
    for place in places().await {
        let site = &place.site;
        let revoked = site.tokens_of(HERE, "xmpp").await;
        assert!(site.logs_in(&revoked.access).await);
        site.revoke(&revoked).await;
        let identity = site.tokens_of(HERE, "openid").await;
        let elsewhere = site.tokens_of(ELSEWHERE, "xmpp").await;
        for (what, token, status) in [
            ("revoked", &revoked.access, "invalid_token"),
            ("openid only", &identity.access, "insufficient_scope"),
            ("another host's", &elsewhere.access, "invalid_token"),
            ("a refresh token", &elsewhere.refresh, "invalid_token"),
        ] {
            let said = place.refusal(token).await;
            assert_eq!(said["status"], status, "{what}: {said}");
            assert_eq!(said["scope"], "xmpp", "{what}: {said}");
            let discovery = site.program.url("/.well-known/openid-configuration");
            assert_eq!(said["openid-configuration"], discovery.as_str(), "{what}");
        }
    }
}

#[tokio::test]
async fn no_app_gets_less_than_the_account_where_nothing_would_hold_it_to_that() {
    for Place { site, _keeper } in places().await {
        let client_id = site.register().await;
        let mut browser = Http::new();
        let url = site.authorize_url(&client_id, "openid xmpp:client:normal");
        let page = site.log_in(&mut browser, &url, HERE).await;
        let code = parameter(&site.allow(&mut browser, &page).await, "code").unwrap();
        let answer = site.redeem(&client_id, &code).await;
        assert_eq!(answer.json()["scope"], "openid", "{}", answer.text());
        let checked = site.program.run(&["check"]).await;
        let said = String::from_utf8(checked.stdout).unwrap();
        assert!(
            said.contains("WARN  module of localhost: none, as xmpp.validate_hosts says"),
            "{said}"
        );
        assert!(!said.contains("FAIL  module"), "{said}");
    }
}

#[tokio::test]
async fn another_host_of_the_server_lets_people_in_by_the_tokens_of_the_host_that_knows_them() {
    for release in servers() {
        if !Wish::of(release).has_oauthbearer() {
            continue;
        }
        let site = join(release, "", |server, program| {
            server.other_host_line(&asking(program))
        });
        let site = site.await;
        site.program.wait_log("the host's module is there", 0).await;
        let tokens = site.tokens("xmpp").await;
        let show = async |token: &str| {
            let mut client = site.connect_to(OTHER_HOST).await;
            client.oauthbearer(None, Some(token)).await.unwrap()
        };
        assert_eq!(show(&tokens.access).await, Bearer::Success);
        for less in ["openid", "xmpp:client:normal"] {
            let token = site.tokens(less).await.access;
            assert!(matches!(show(&token).await, Bearer::Challenge(_)), "{less}");
        }
        site.revoke(&tokens).await;
        assert!(matches!(show(&tokens.access).await, Bearer::Challenge(_)));
    }
}
