//! What is tried too often has to wait: registrations, and wrong passwords in `login`.

use serde_json::json;

use crate::client::{Answer, Http};
use crate::world::World;

async fn register_from(world: &World, forwarded: &str) -> Answer {
    let mut http = Http::new().with("x-forwarded-for", forwarded);
    world.try_register(&mut http, json!({})).await
}

#[tokio::test]
async fn one_address_can_register_only_so_many_clients() {
    let world = World::with("limits.registrations_per_address = 3").await;
    for _ in 0..3 {
        world.register(json!({})).await;
    }
    let answer = world.try_register(&mut Http::new(), json!({})).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait > 0);
    world.wait(wait);
    world.register(json!({})).await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_address_has_a_brake_of_its_own() {
    let world = World::with("limits.registrations_per_address = 1").await;
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 201);
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 429);
    assert_eq!(register_from(&world, "203.0.113.2").await.status, 201);
}

#[tokio::test]
async fn what_the_sender_wrote_before_the_proxy_does_not_count() {
    let world = World::with("limits.registrations_per_address = 1").await;
    let first = register_from(&world, "198.51.100.1, 203.0.113.1").await;
    let second = register_from(&world, "198.51.100.2, 203.0.113.1").await;
    assert_eq!((first.status, second.status), (201, 429));
}

#[tokio::test]
async fn a_stranger_is_not_believed_about_its_address() {
    let settings = "http.trusted_proxies = []\nlimits.registrations_per_address = 1";
    let world = World::with(settings).await;
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 201);
    assert_eq!(register_from(&world, "203.0.113.2").await.status, 429);
}

#[tokio::test]
async fn one_ipv6_network_is_one_address() {
    let world = World::with("limits.registrations_per_address = 1").await;
    assert_eq!(register_from(&world, "2001:db8::1").await.status, 201);
    assert_eq!(register_from(&world, "2001:db8::2").await.status, 429);
    assert_eq!(register_from(&world, "2001:db8:1::1").await.status, 201);
}

#[tokio::test]
async fn an_ipv4_address_written_as_ipv6_is_the_same_address() {
    let world = World::with("limits.registrations_per_address = 1").await;
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 201);
    assert_eq!(
        register_from(&world, "::ffff:203.0.113.1").await.status,
        429
    );
}
