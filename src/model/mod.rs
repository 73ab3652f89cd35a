//! Plain records and their legal transitions: what the program talks about, free of async, I/O and
//! wire formats.

mod claims;
mod client;
mod code;
mod device;
mod event;
mod grant;
mod ids;
mod logout;
mod notice;
mod pushed;
mod scope;
mod session;
mod token;

pub use claims::{Claim, ClaimSet, Profile};
pub use client::{
    ApplicationType, AuthMethod, Client, ClientMetadata, ClientOrigin, GrantType, MemberKind,
    ResponseType, SigningAlgorithm, SubjectType,
};
pub use code::{AuthorizationCode, CodeChallenge, CodeChallengeMethod};
pub use device::{Approval, DeviceCode, DeviceState};
pub use event::{Event, EventKind, KeptEvent};
pub use grant::{EndReason, Grant};
pub use ids::{ClientId, Generation, GrantId, SessionId, Thumbprint};
pub use logout::{PendingLogout, SignIn};
pub use notice::{Notice, NoticeKind};
pub use pushed::PushedRequest;
pub use scope::{Scope, ScopeSet};
pub use session::{BrowserSession, XmppSession};
pub use token::{AccessToken, Pair, RefreshToken};
