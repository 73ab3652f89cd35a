//! `try --device`: the device flow (RFC 8628), as a program without a browser runs it.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::output;
use super::try_login::{Failed, Provider, Step as _, TryArguments, fail, play_person, refusal};
use super::web::Web;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const STEP: &str = "device flow";

/// Asks for codes, waits for the person, and gives the tokens.
pub(super) async fn tokens(
    arguments: &TryArguments,
    provider: &Provider,
    web: &mut Web,
) -> Result<Value, Failed> {
    let Some(endpoint) = &provider.device_authorization_endpoint else {
        return fail(
            STEP,
            "the metadata has no device_authorization_endpoint: it is off",
        );
    };
    let wanted = json!({ "grant_types": [DEVICE_CODE, "refresh_token"] });
    let client_id = provider.register(web, wanted).await?;
    let fields = [
        ("client_id", client_id.as_str()),
        ("scope", &arguments.scope),
    ];
    let answer = web.post_form(endpoint, &fields).await.at(STEP)?;
    let codes: Value = serde_json::from_slice(&answer.body).at(STEP)?;
    let text = |name: &str| match codes[name].as_str() {
        Some(text) => Ok(text),
        None => fail(STEP, refusal(&codes)),
    };
    let (device_code, user_code) = (text("device_code")?, text("user_code")?);
    let complete = Url::parse(text("verification_uri_complete")?).at(STEP)?;
    // RFC 8628 §3.2: 5 seconds where nothing is said
    let mut interval = Duration::from_secs(codes["interval"].as_u64().unwrap_or(5));

    if let Some(password) = arguments.password().await? {
        let done = play_person(web, &complete, &arguments.jid, &password).await?;
        if !done.status.is_success() {
            return fail("consent page", format!("it answers {}", done.status));
        }
    } else {
        arguments.show(&complete)?;
        output::line(format_args!("It shows the code  {user_code}\n"));
        tokio::time::sleep(interval).await;
    }
    loop {
        let fields = [
            ("grant_type", DEVICE_CODE),
            ("device_code", device_code),
            ("client_id", client_id.as_str()),
        ];
        let answer = web
            .post_form(&provider.token_endpoint, &fields)
            .await
            .at(STEP)?;
        let said: Value = serde_json::from_slice(&answer.body).at(STEP)?;
        match said["error"].as_str() {
            None if said["access_token"].is_string() => {
                output::line(format_args!("allowed       by the person in the browser"));
                return Ok(said);
            }
            Some("authorization_pending") => {}
            // RFC 8628 §3.5
            Some("slow_down") => interval += Duration::from_secs(5),
            _ => return fail(STEP, refusal(&said)),
        }
        tokio::time::sleep(interval).await;
    }
}
