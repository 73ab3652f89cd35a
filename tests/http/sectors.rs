//! Sectors of pairwise clients on several hosts (OIDC Core §8.1, Registration §5).

use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::website::Website;
use crate::world::World;

const ALLOWED: &str = "fetch.allow_private = true";
const ONE: &str = "https://one.example/cb";
const OTHER: &str = "https://other.example/cb";

fn metadata(sector: &str, redirect_uris: &[&str]) -> Value {
    json!({
        "client_uri": null,
        "subject_type": "pairwise",
        "sector_identifier_uri": sector,
        "redirect_uris": redirect_uris,
    })
}

async fn register(world: &World, sector: &str, redirect_uris: &[&str]) -> Answer {
    let asked = metadata(sector, redirect_uris);
    world.try_register(&mut Http::new(), asked).await
}

fn lists(website: &Website, redirect_uris: &[&str]) {
    website.says("200 OK", &json!(redirect_uris).to_string());
}

/// By what the app knows alice.
async fn subject(world: &World, answer: &Answer, redirect_uri: &str) -> String {
    let registered = answer.json();
    let app = App {
        id: registered["client_id"].as_str().unwrap().to_owned(),
        secret: registered["client_secret"].as_str().map(str::to_owned),
        redirect_uri: redirect_uri.to_owned(),
    };
    let tokens = world.tokens(&app, &[("scope", "openid")]).await;
    let token = tokens["id_token"].as_str().unwrap();
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token);
    claims.unwrap().claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sector_is_the_host_that_lists_what_belongs_to_it() {
    let website = Website::new().await;
    let world = website.world(ALLOWED).await;
    lists(&website, &["https://third.example/cb", OTHER, ONE]);
    let sector = website.url("/sector.json");
    let both = register(&world, &sector, &[ONE, OTHER]).await;
    assert_eq!(both.status, 201, "{}", both.text());
    assert_eq!(both.json()["sector_identifier_uri"], sector);
    assert!(website.asked()[0].head.starts_with("GET /sector.json "));
    let another = register(&world, &sector, &[OTHER]).await;
    let alone = world
        .try_register(
            &mut Http::new(),
            json!({
                "client_uri": null, "subject_type": "pairwise", "redirect_uris": [OTHER],
            }),
        )
        .await;
    let sub = subject(&world, &both, ONE).await;
    assert_eq!(sub, subject(&world, &both, OTHER).await);
    assert_eq!(sub, subject(&world, &another, OTHER).await);
    assert_ne!(sub, subject(&world, &alone, OTHER).await);
}

#[tokio::test]
async fn whom_a_host_does_not_list_to_the_letter_is_not_of_its_sector() {
    let website = Website::new().await;
    let world = website.world(ALLOWED).await;
    let sector = website.url("/sector.json");
    let whole = json!([ONE, OTHER]).to_string();
    let large = format!("{whole}{}", " ".repeat(64 * 1024));
    let moved = format!("302 Found\r\nlocation: {sector}");
    let mut answers = Vec::new();
    for (status, body) in [
        ("200 OK", json!([ONE]).to_string()),
        (
            "200 OK",
            json!([ONE, "https://other.example/cb/"]).to_string(),
        ),
        (
            "200 OK",
            json!({ "redirect_uris": [ONE, OTHER] }).to_string(),
        ),
        ("200 OK", json!([ONE, OTHER, 1]).to_string()),
        ("200 OK", "<html>".to_owned()),
        ("404 Not Found", whole.clone()),
        (&moved, whole.clone()),
        ("200 OK", large),
    ] {
        website.says(status, &body);
        let before = website.times_asked();
        answers.push(register(&world, &sector, &[ONE, OTHER]).await);
        assert_eq!(website.times_asked(), before + 1, "no redirect is followed");
    }
    // nobody is there
    let nobody = "https://localhost:1/sector.json";
    answers.push(register(&world, nobody, &[ONE, OTHER]).await);
    for answer in &answers {
        assert_error(answer, 400, "invalid_client_metadata");
        assert!(answer.text().contains("sector_identifier_uri"));
        assert_eq!(
            answer.body, answers[0].body,
            "it tells nothing of the network"
        );
    }
    website.says("200 OK", &whole);
    let good = register(&world, &sector, &[ONE, OTHER]).await;
    assert_eq!(good.status, 201);
}

#[tokio::test]
async fn no_sector_is_fetched_from_a_private_address_unless_the_operator_allows_it() {
    let website = Website::new().await;
    let world = website.world("").await;
    lists(&website, &[ONE, OTHER]);
    let port = website.port;
    for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let sector = format!("https://{host}:{port}/sector.json");
        let answer = register(&world, &sector, &[ONE, OTHER]).await;
        assert_error(&answer, 400, "invalid_client_metadata");
    }
    assert_eq!(website.times_connected(), 0);
}

#[tokio::test]
async fn who_registers_too_often_has_nothing_fetched() {
    let website = Website::new().await;
    let world = website
        .world(&format!("{ALLOWED}\nlimits.registrations_per_address = 3"))
        .await;
    let sector = website.url("/sector.json");
    // what is refused counts, too
    for _ in 0..3 {
        let answer = register(&world, &sector, &[ONE, OTHER]).await;
        assert_eq!(answer.status, 400);
    }
    let answer = register(&world, &sector, &[ONE, OTHER]).await;
    assert_eq!(answer.status, 429);
    assert_eq!(website.times_asked(), 3);
}

#[tokio::test]
async fn a_client_that_changes_is_looked_up_again_and_stays_in_its_sector() {
    let website = Website::new().await;
    let world = website.world(ALLOWED).await;
    lists(&website, &[ONE, OTHER]);
    let sector = website.url("/sector.json");
    let registered = register(&world, &sector, &[ONE, OTHER]).await.json();
    let update = async |redirect_uris: &[&str], sector: Option<&str>| {
        let mut changed = metadata(sector.unwrap_or_default(), redirect_uris);
        changed["client_id"] = registered["client_id"].clone();
        changed["client_name"] = "Test".into();
        changed["application_type"] = "native".into();
        let token = registered["registration_access_token"].as_str().unwrap();
        let uri = registered["registration_client_uri"].as_str().unwrap();
        let request = http::Request::put(uri)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let request = request.body(changed.to_string().into()).unwrap();
        Http::new().send(request).await.unwrap()
    };
    let new = "https://one.example/new";
    let unlisted = update(&[new, OTHER], Some(&sector)).await;
    assert_error(&unlisted, 400, "invalid_client_metadata");
    assert!(unlisted.text().contains("sector_identifier_uri"));
    lists(&website, &[new, OTHER]);
    let listed = update(&[new, OTHER], Some(&sector)).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    let asked = website.times_asked();
    let alone = update(&[OTHER], None).await;
    assert_error(&alone, 400, "invalid_client_metadata");
    assert_eq!(website.times_asked(), asked);
}

#[tokio::test]
async fn a_client_on_one_host_needs_nobody_to_vouch_for_it() {
    let world = World::new().await;
    let asked = json!({
        "client_uri": null,
        "subject_type": "pairwise",
        "redirect_uris": [ONE, "https://one.example/other"],
    });
    let answer = world.try_register(&mut Http::new(), asked.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut several = asked;
    several["redirect_uris"] = json!([ONE, OTHER]);
    let answer = world.try_register(&mut Http::new(), several).await;
    assert_error(&answer, 400, "invalid_client_metadata");
    assert!(answer.text().contains("sector_identifier_uri"));
}
