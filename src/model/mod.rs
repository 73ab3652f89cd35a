//! Plain records and their legal transitions: what the program talks about, free of async, I/O and
//! wire formats.

mod client;
mod code;
mod grant;
mod ids;
mod scope;
mod session;
mod token;

pub use client::{ApplicationType, AuthMethod, Client, ClientMetadata, GrantType, ResponseType};
pub use code::{AuthorizationCode, CodeChallenge, CodeChallengeMethod};
pub use grant::{EndReason, Grant};
pub use ids::{ClientId, Generation, GrantId, SessionId};
pub use scope::{Scope, ScopeSet};
pub use session::{BrowserSession, XmppSession};
pub use token::{AccessToken, Pair, RefreshToken};
