//! A client library that others wrote walks the whole way: discovery, registration, code, id_token,
//! userinfo, refresh.

use std::io;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreClientRegistrationRequest,
    CoreClientRegistrationResponse, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreUserInfoClaims,
};
use openidconnect::registration::EmptyAdditionalClientMetadata;
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientName, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, LocalizedClaim, Nonce, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope,
    TokenResponse,
};

use crate::answers::parameter;
use crate::client::Http;
use crate::world::World;

async fn send(request: HttpRequest) -> io::Result<HttpResponse> {
    let answer = Http::new().send(request.map(Into::into)).await?;
    let mut response = http::Response::builder().status(answer.status);
    *response.headers_mut().unwrap() = answer.headers;
    response.body(answer.body.into()).map_err(io::Error::other)
}

#[tokio::test]
async fn a_standard_client_gets_all_it_needs() {
    let world = World::new().await;
    let http = &|request| send(request);
    let issuer = IssuerUrl::new(world.issuer.clone()).unwrap();
    let provider = CoreProviderMetadata::discover_async(issuer, http)
        .await
        .unwrap();

    let redirect_url = RedirectUrl::new("https://app.example/cb".to_owned()).unwrap();
    let name = LocalizedClaim::from(ClientName::new("Standard".to_owned()));
    for method in [
        CoreClientAuthMethod::ClientSecretBasic,
        CoreClientAuthMethod::ClientSecretPost,
    ] {
        let registered = CoreClientRegistrationRequest::new(
            vec![redirect_url.clone()],
            EmptyAdditionalClientMetadata {},
        )
        .set_client_name(Some(name.clone()))
        .set_token_endpoint_auth_method(Some(method))
        .register_async(provider.registration_endpoint().unwrap(), http)
        .await
        .unwrap();
        walk(&world, &provider, &registered, &redirect_url).await;
    }
}

async fn walk(
    world: &World,
    provider: &CoreProviderMetadata,
    registered: &CoreClientRegistrationResponse,
    redirect_url: &RedirectUrl,
) {
    let http = &|request| send(request);
    let client = CoreClient::from_provider_metadata(
        provider.clone(),
        registered.client_id().clone(),
        registered.client_secret().cloned(),
    )
    .set_redirect_uri(redirect_url.clone());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("offline_access".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let to = world.consent(&mut Http::new(), url.as_str()).await;
    assert_eq!(parameter(&to, "state").as_ref(), Some(state.secret()));

    let code = AuthorizationCode::new(parameter(&to, "code").unwrap());
    let tokens = client
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(verifier)
        .request_async(http)
        .await
        .unwrap();
    // the world's clock says so, not the machine's
    let verifier = client
        .id_token_verifier()
        .set_time_fn(|| "2027-01-15T08:00:00Z".parse().unwrap());
    let id_token = tokens.id_token().unwrap();
    let claims = id_token.claims(&verifier, &nonce).unwrap();
    assert_eq!(claims.subject().as_str(), "xmpp:alice@example.com");
    assert!(matches!(
        id_token.signing_alg().unwrap(),
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256
    ));
    let expected = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&verifier).unwrap(),
    );
    assert_eq!(claims.access_token_hash(), Some(&expected.unwrap()));

    let subject = claims.subject().clone();
    let who: CoreUserInfoClaims = client
        .user_info(tokens.access_token().to_owned(), Some(subject))
        .unwrap()
        .request_async(http)
        .await
        .unwrap();
    assert_eq!(who.preferred_username().unwrap().as_str(), "alice");

    let refreshed = client
        .exchange_refresh_token(tokens.refresh_token().unwrap())
        .unwrap()
        .request_async(http)
        .await
        .unwrap();
    // OIDC Core §12.2: it bears no nonce
    let id_token = refreshed.id_token().unwrap();
    let no_nonce =
        |nonce: Option<&Nonce>| nonce.is_none().then_some(()).ok_or("a nonce".to_owned());
    assert_eq!(
        id_token.claims(&verifier, no_nonce).unwrap().subject(),
        claims.subject()
    );
}
