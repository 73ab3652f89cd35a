//! x
use jid::BareJid;
use crate::accounts::{PasswordCheck, Unavailable};
use crate::secrets::Secret;
pub(super) async fn check_password(_: &crate::config::C2s, _: &BareJid, _: &Secret) -> Result<PasswordCheck, Unavailable> { Err(Unavailable::LinkDown) }
