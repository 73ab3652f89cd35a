//! One file a grant type: each fills in what is its own; `oauth::token` does the rest.

mod authorization_code;
mod refresh_token;

pub(super) use authorization_code::authorization_code;
pub(super) use refresh_token::refresh_token;
