//! The device flow on a real server and in a real browser; and `try`, which runs it, too.

use serde_json::json;

use crate::control::{COMMANDS, command};
use crate::main_job::sent_to;
use crate::site::{Site, ask as ask_server, condition};
use crate::support::browser::{Browser, Look};
use crate::support::http::Http;
use crate::support::prosody::ALICE;
use crate::support::release::servers;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

#[tokio::test]
async fn try_logs_in_by_a_redirect_and_by_the_device_flow() {
    for release in servers() {
        let site = Site::start(release).await;
        let password = site.program.dir().join("password");
        std::fs::write(&password, ALICE.password).unwrap();
        let (c2s, ca) = (site.server.c2s().to_string(), site.server.ca_file());
        for flow in [None, Some("--device")] {
            let mut arguments = vec!["try", "alice@localhost", "--c2s", &c2s, "--once"];
            arguments.extend(["--ca-file", ca.to_str().unwrap()]);
            arguments.extend(["--tls", "none"]);
            arguments.extend(["--password-file", password.to_str().unwrap()]);
            arguments.extend(flow);
            let output = site.program.run(&arguments).await;
            let said = String::from_utf8_lossy(&output.stdout);
            let wrong = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{release} {flow:?}: {said}{wrong}");
            assert!(said.contains("logged in as alice@localhost/"), "{said}");
        }
    }
}

pub(crate) struct Device {
    client_id: String,
    code: String,
    pub(crate) user_code: String,
    pub(crate) page: String,
}

pub(crate) async fn ask(site: &Site) -> Device {
    let metadata = json!({
        "client_name": "Living room",
        "client_uri": "https://tv.example/",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": [DEVICE_CODE, "refresh_token"],
    });
    let url = site.program.url("/oauth2/register");
    let registered = Http::new().post_json(&url, &metadata).await.json();
    let client_id = registered["client_id"].as_str().unwrap().to_owned();
    let fields = [
        ("client_id", client_id.as_str()),
        ("scope", "openid xmpp:client:normal"),
    ];
    let codes = site.call("/oauth2/device", &fields).await.json();
    let text = |name: &str| codes[name].as_str().unwrap().to_owned();
    Device {
        code: text("device_code"),
        user_code: text("user_code"),
        page: text("verification_uri"),
        client_id,
    }
}

#[tokio::test]
async fn a_person_connects_a_device_in_a_browser_and_the_device_chats() {
    for release in servers() {
        let site = Site::start(release).await;
        for look in [Look::PHONE, Look::DESKTOP.dark()] {
            let device = ask(&site).await;
            let browser = Browser::start(look).await;
            let shot = async |page: &str| browser.look_at(&format!("device-{page}")).await;
            browser.goto(&device.page).await;
            shot("code").await;
            browser.type_into("#user_code", "nonsense").await;
            browser.click("button[type=submit]").await;
            browser.find("#error").await;
            shot("wrong-code").await;
            browser.goto(&device.page).await;
            browser
                .type_into("#user_code", &device.user_code.to_lowercase())
                .await;
            browser.click("button[type=submit]").await;
            browser.type_into("input[name=username]", ALICE.name).await;
            shot("login").await;
            browser
                .type_into("input[name=password]", ALICE.password)
                .await;
            browser.click("button[type=submit]").await;
            browser.find("button[name=decision][value=allow]").await;
            shot("consent").await;
            let page = browser.client.source().await.unwrap();
            assert!(
                page.contains(&device.user_code) && page.contains("127.0.0.1"),
                "{page}"
            );
            browser.click("button[name=decision][value=allow]").await;
            browser.find(".badge-good").await;
            shot("done").await;
            let fields = [
                ("grant_type", DEVICE_CODE),
                ("device_code", &device.code),
                ("client_id", &device.client_id),
            ];
            let tokens = site.call("/oauth2/token", &fields).await.json();
            let access = tokens["access_token"].as_str().unwrap();
            assert!(site.logs_in(access).await, "{release}");
        }
    }
}

#[tokio::test]
async fn a_person_connects_a_device_from_a_chat_client() {
    const NODE: &str = "answer-device";
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens("openid xmpp:client:normal").await;
        let (mut limited, _) = site.session(&tokens.access).await;
        let answer = ask_server(&mut limited, &command(NODE, "", "")).await;
        assert_eq!(condition(&answer), "forbidden", "{release}");

        let (mut own, _) = site.password_session(ALICE, Some("desk")).await;
        for (decision, status) in [("deny", 400), ("allow", 200)] {
            let device = ask(&site).await;
            let answer = ask_server(&mut own, &command(NODE, "", "")).await;
            let id = |answer: &minidom::Element| {
                let command = answer.get_child("command", COMMANDS);
                let command = command.unwrap_or_else(|| panic!("{}", String::from(answer)));
                command.attr("sessionid").unwrap().to_owned()
            };
            let form = |var: &str, value: &str| {
                format!(
                    "<x xmlns='jabber:x:data' type='submit'>\
                     <field var='{var}'><value>{value}</value></field></x>"
                )
            };
            let typed = form("code", &device.user_code.to_lowercase());
            let session = format!("sessionid='{}'", id(&answer));
            let answer = ask_server(&mut own, &command(NODE, &session, &typed)).await;
            let shown = String::from(&answer);
            for part in ["Living room", &device.user_code, "xmpp:client:normal"] {
                assert!(shown.contains(part), "{release}: {shown}");
            }
            let session = format!("sessionid='{}'", id(&answer));
            let chosen = form("decision", decision);
            let answer = ask_server(&mut own, &command(NODE, &session, &chosen)).await;
            let done = String::from(&answer);
            assert!(done.contains("completed"), "{release}: {done}");
            let fields = [
                ("grant_type", DEVICE_CODE),
                ("device_code", &device.code),
                ("client_id", &device.client_id),
            ];
            let answer = site.call("/oauth2/token", &fields).await;
            assert_eq!(answer.status, status, "{release}: {}", answer.text());
            if status == 200 {
                let access = answer.json()["access_token"].as_str().unwrap().to_owned();
                assert!(site.logs_in(&access).await, "{release}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_by_a_form_reaches_the_app_without_a_script() {
    for release in servers() {
        let site = Site::start(release).await;
        let client_id = site.register().await;
        let url = site.authorize_url(&client_id, "openid");
        let browser = Browser::start(Look::PHONE).await;
        browser
            .goto(&format!("{url}&response_mode=form_post"))
            .await;
        browser.type_into("input[name=username]", ALICE.name).await;
        browser
            .type_into("input[name=password]", ALICE.password)
            .await;
        browser.click("button[type=submit]").await;
        browser.click("button[name=decision][value=allow]").await;
        browser.find("input[name=code]").await;
        browser.look_at("send").await;
        browser.click("button[type=submit]").await;
        assert_eq!(
            sent_to(&browser).await.query(),
            None,
            "nothing in the address"
        );
    }
}
