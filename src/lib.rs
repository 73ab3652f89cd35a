//! OAuth 2 and OpenID Connect for XMPP servers.
