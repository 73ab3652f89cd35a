//! What the commands can do to a provider, whether `serve` runs or not: asked for over the control
//! socket by one and the same words.

use jid::BareJid;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::keys::KeyInfo;
use crate::model::{Client, ClientId, EndReason, GrantId, Scope};
use crate::oauth::granted::Granted;
use crate::secrets::TokenHash;
use crate::storage::GrantFilter;
use crate::xmpp::{LinkState, Module};

/// A sentence for whoever asked.
pub(super) type Failed = String;

/// Something that can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub(super) enum Operation {
    Clients,
    RemoveClient {
        client: String,
    },
    Grants {
        account: Option<String>,
        client: Option<String>,
        with_ended: bool,
    },
    Grant {
        id: String,
    },
    RevokeGrant {
        id: String,
    },
    RevokeAccount {
        account: String,
    },
    RevokeClient {
        client: String,
    },
    Keys,
    RotateKeys,
    RemoveKey {
        kid: String,
    },
    Vitals,
    CheckPassword {
        host: String,
    },
    /// A request with this word will come through the proxy.
    ExpectRequest {
        word: String,
    },
    /// What became of it.
    SeenRequest {
        word: String,
    },
}

/// What comes of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Done,
    Clients(Vec<ClientRow>),
    Grants(Vec<GrantRow>),
    Keys(Vec<KeyRow>),
    Vitals(Vitals),
    Seen(Option<Seen>),
}

/// A client, as people see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ClientRow {
    /// Short and unique: the first 12 digits of the id's SHA-256.
    pub(super) fingerprint: String,
    pub(super) client_id: String,
    pub(super) client_name: String,
    pub(super) client_uri: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) registered_at: String,
    pub(super) expires_at: Option<String>,
}

/// A grant, as people see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GrantRow {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) client_name: String,
    /// The client's fingerprint.
    pub(super) client: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) created_at: String,
    /// The address that consent came from.
    pub(super) granted_from: Option<String>,
    /// To within some minutes.
    pub(super) last_used_at: String,
    pub(super) last_used_from: Option<String>,
    /// Known only while `serve` runs.
    pub(super) open_sessions: Option<usize>,
    /// The resources of the open sessions.
    pub(super) resources: Vec<String>,
    pub(super) ended_at: Option<String>,
    pub(super) end_reason: Option<String>,
}

/// A signing key, as people see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeyRow {
    pub(super) kid: String,
    pub(super) algorithm: String,
    pub(super) created_at: String,
    pub(super) retired_at: Option<String>,
}

/// How things stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Vitals {
    /// Whether the link and the modules have had their say.
    pub(super) is_settled: bool,
    /// Why the link is not up.
    pub(super) link: Option<String>,
    /// Why the storage does not work.
    pub(super) storage: Option<String>,
    pub(super) hosts: Vec<HostRow>,
}

/// A host's module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HostRow {
    pub(super) host: String,
    /// What it says of itself; `None` where it has not said hello.
    pub(super) module: Option<ModuleRow>,
    /// The host says that it has none.
    pub(super) is_missing: bool,
}

/// What a module says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ModuleRow {
    pub(super) version: String,
    pub(super) server: Option<String>,
    pub(super) scopes: Vec<String>,
}

/// A request as it arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Who connected.
    pub(super) peer: String,
    pub(super) is_trusted: bool,
    /// The entries of `X-Forwarded-For`.
    pub(super) forwarded: Vec<String>,
}

/// Does what is asked for. `is_live`: `serve` runs here.
pub(super) async fn perform(
    app: &App,
    operation: Operation,
    is_live: bool,
) -> Result<Outcome, Failed> {
    match operation {
        Operation::Clients => {
            let clients = app.provider.clients().await.map_err(sentence)?;
            Ok(Outcome::Clients(clients.iter().map(client_row).collect()))
        }
        Operation::RemoveClient { client } => remove_client(app, &client).await,
        Operation::Grants {
            account,
            client,
            with_ended,
        } => {
            let client_id = match client {
                Some(client) => Some(resolve(app, &client).await?),
                None => None,
            };
            let filter = GrantFilter {
                account: account.as_deref().map(jid).transpose()?,
                client_id,
                with_ended,
            };
            grants(app, &filter, is_live).await
        }
        Operation::Grant { id } => {
            let found = app.provider.grant(&GrantId::new(id.as_str())).await;
            let granted = found.map_err(sentence)?.ok_or_else(|| no_grant(&id))?;
            Ok(Outcome::Grants(vec![grant_row(&granted, is_live)]))
        }
        Operation::RevokeGrant { id } => {
            let id = GrantId::new(id);
            let reason = EndReason::OperatorRevoked;
            match app.provider.end_grant(&id, reason).await {
                Ok(true) => Ok(Outcome::Done),
                Ok(false) => Err(no_grant(id.as_str())),
                Err(error) => Err(sentence(error)),
            }
        }
        Operation::RevokeAccount { account } => {
            let account = jid(&account)?;
            let filter = GrantFilter {
                account: Some(account.clone()),
                ..GrantFilter::default()
            };
            let grants = app.provider.grants(&filter).await.map_err(sentence)?;
            let ended = app.provider.revoke_account(&account).await;
            Ok(ended_of(&grants, &ended.map_err(sentence)?, is_live))
        }
        Operation::RevokeClient { client } => {
            let client_id = resolve(app, &client).await?;
            let filter = GrantFilter {
                client_id: Some(client_id.clone()),
                ..GrantFilter::default()
            };
            let grants = app.provider.grants(&filter).await.map_err(sentence)?;
            let ended = app.provider.revoke_client(&client_id).await;
            Ok(ended_of(&grants, &ended.map_err(sentence)?, is_live))
        }
        Operation::Keys => {
            // waits for the first one, where it is still being made
            app.keys.ready().await.map_err(sentence)?;
            let keys = app.keys.list();
            Ok(Outcome::Keys(keys.into_iter().map(key_row).collect()))
        }
        Operation::RotateKeys => {
            let key = app.keys.rotate().await.map_err(sentence)?;
            Ok(Outcome::Keys(vec![key_row(key)]))
        }
        Operation::RemoveKey { kid } => match app.keys.remove(&kid).await {
            Ok(true) => Ok(Outcome::Done),
            Ok(false) => Err(format!("there is no key {kid}; `keys list` shows them")),
            Err(error) => Err(sentence(error)),
        },
        Operation::Vitals => Ok(Outcome::Vitals(vitals(app).await)),
        Operation::CheckPassword { host } => {
            app.probe_password(&host).await?;
            Ok(Outcome::Done)
        }
        Operation::ExpectRequest { word } => {
            app.probes.expect(word);
            Ok(Outcome::Done)
        }
        Operation::SeenRequest { word } => {
            Ok(Outcome::Seen(app.probes.seen(&word).map(|seen| Seen {
                is_trusted: app.config.http.trusts(seen.peer),
                peer: seen.peer.to_string(),
                forwarded: seen.forwarded,
            })))
        }
    }
}

async fn remove_client(app: &App, client: &str) -> Result<Outcome, Failed> {
    let id = resolve(app, client).await?;
    match app.provider.remove_client(&id).await {
        Ok(true) => Ok(Outcome::Done),
        Ok(false) => Err(no_client(client)),
        Err(error) => Err(sentence(error)),
    }
}

async fn grants(app: &App, filter: &GrantFilter, is_live: bool) -> Result<Outcome, Failed> {
    let grants = app.provider.grants(filter).await.map_err(sentence)?;
    let rows = grants.iter().map(|granted| grant_row(granted, is_live));
    Ok(Outcome::Grants(rows.collect()))
}

/// Of these grants, those that have ended.
fn ended_of(grants: &[Granted], ended: &[GrantId], is_live: bool) -> Outcome {
    let rows = grants
        .iter()
        .filter(|granted| ended.contains(&granted.grant.id))
        .map(|granted| grant_row(granted, is_live));
    Outcome::Grants(rows.collect())
}

async fn vitals(app: &App) -> Vitals {
    let state = app.server.link_state().borrow().clone();
    let is_down = matches!(state, LinkState::Down(_));
    let has_said = |host: &HostRow| host.module.is_some() || host.is_missing;
    let link = match state {
        LinkState::Up => None,
        LinkState::Connecting => Some("it is not up yet".to_owned()),
        LinkState::Down(why) => Some(why.to_string()),
    };
    let hosts = app.server.host_infos().into_iter().map(|info| HostRow {
        host: info.host.to_string(),
        is_missing: info.module == Module::Missing,
        module: match info.module {
            Module::Present(hello) => Some(ModuleRow {
                version: hello.version,
                server: hello.server,
                scopes: hello.scopes.iter().map(Scope::to_string).collect(),
            }),
            Module::Unknown | Module::Missing => None,
        },
    });
    let hosts: Vec<_> = hosts.collect();
    Vitals {
        is_settled: is_down || link.is_none() && hosts.iter().all(has_said),
        link,
        hosts,
        storage: app.check_storage().await.err().map(sentence),
    }
}

/// The client that is meant: by its id, or by the beginning of its fingerprint.
async fn resolve(app: &App, named: &str) -> Result<ClientId, Failed> {
    let known = app.provider.client(named).await.map_err(sentence)?;
    if let Some(client) = known {
        return Ok(client.id.clone());
    }
    let clients = app.provider.clients().await.map_err(sentence)?;
    let mut matching = clients
        .into_iter()
        .filter(|client| !named.is_empty() && fingerprint(&client.id).starts_with(named));
    match (matching.next(), matching.next()) {
        (Some(client), None) => Ok(client.id),
        (Some(_), Some(_)) => Err(format!("more than one client begins with {named}")),
        (None, _) => Err(no_client(named)),
    }
}

fn fingerprint(id: &ClientId) -> String {
    let hash = TokenHash::of(id.as_str());
    let digits = hash.as_bytes().iter().take(6);
    digits.map(|byte| format!("{byte:02x}")).collect()
}

fn client_row(client: &Client) -> ClientRow {
    ClientRow {
        fingerprint: fingerprint(&client.id),
        client_id: client.id.to_string(),
        client_name: client.metadata.client_name.clone(),
        client_uri: client.metadata.client_uri.as_ref().map(ToString::to_string),
        redirect_uris: client.metadata.redirect_uris.clone(),
        registered_at: client.issued_at.to_string(),
        expires_at: client.expires_at.map(|at| at.to_string()),
    }
}

fn grant_row(granted: &Granted, is_live: bool) -> GrantRow {
    let Granted {
        grant, resources, ..
    } = granted;
    let (ended_at, end_reason) = grant.ended.unzip();
    GrantRow {
        id: grant.id.to_string(),
        account: grant.account.to_string(),
        client_name: grant.client_name.clone(),
        client: fingerprint(&grant.client_id),
        client_id: grant.client_id.to_string(),
        scope: grant.scopes.to_string(),
        created_at: grant.created_at.to_string(),
        granted_from: grant.granted_from.map(|from| from.to_string()),
        last_used_at: grant.last_used_at.to_string(),
        last_used_from: grant.last_used_from.map(|from| from.to_string()),
        open_sessions: is_live.then_some(resources.len()),
        resources: resources.iter().map(ToString::to_string).collect(),
        ended_at: ended_at.map(|at| at.to_string()),
        end_reason: end_reason.map(|reason| reason.as_str().to_owned()),
    }
}

fn key_row(key: KeyInfo) -> KeyRow {
    KeyRow {
        kid: key.kid,
        algorithm: key.algorithm,
        created_at: key.created_at.to_string(),
        retired_at: key.retired_at.map(|at| at.to_string()),
    }
}

fn jid(text: &str) -> Result<BareJid, Failed> {
    text.parse()
        .map_err(|error| format!("{text} is no account: {error}"))
}

fn no_client(named: &str) -> Failed {
    let named: String = named.chars().take(24).collect();
    format!("there is no client {named}; `clients list` shows them")
}

fn no_grant(id: &str) -> Failed {
    format!("there is no such grant, or it has ended: {id}; `grants list` shows them")
}

fn sentence(error: impl std::fmt::Display) -> Failed {
    error.to_string()
}
