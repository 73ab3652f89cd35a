# English texts of the pages. Format: https://projectfluent.org
# Values in braces come from elsewhere; they are escaped after the text is put together, so a text
# holds no markup. Apps choose their own names: never let a text depend on what a name says.

## Every page

footer-label = About { $site }
footer-policy = Privacy policy
footer-terms = Terms of use
opens-in-new-tab = (opens in a new tab)
error-prefix = Error:
client-unnamed = An app without a name

## Log in

login-title = Log in
login-heading = Log in
login-to-continue = to continue to { $client }
login-to-site = with your { $site } account
login-username = Chat address
login-username-hint-one = Your username is enough, without @{ $host }.
login-username-hint-many = Your full address, such as { $example }.
login-password = Password
login-submit = Log in
login-password-stays = { $client } will not see your password.
login-error-wrong-password = The address or the password is not right. Please check both and try again.
login-error-try-again = We could not ask the chat server about your password. It may well be right: please try again in a moment.
login-error-too-many-minutes =
    { $amount ->
        [one] There were too many attempts. Please try again in one minute.
       *[other] There were too many attempts. Please try again in { $amount } minutes.
    }
login-error-too-many-seconds =
    { $amount ->
        [one] There were too many attempts. Please try again in one second.
       *[other] There were too many attempts. Please try again in { $amount } seconds.
    }
login-error-expired = This form was open for too long. Please log in again.
login-error-missing-username = Please enter your address.
login-error-missing-password = Please enter your password.
login-notice-again = Please enter your password once more, to be sure that it is you.
login-notice-logged-out = You are logged out.

## Consent

consent-title = Allow access
consent-heading = { $client } asks to use your account
consent-account = Your account
consent-switch = Use another
consent-can = It will be able to
consent-cannot = It will not be able to
consent-unverified-title = We cannot verify who made this app
consent-unverified = Apps choose their own names and links. Continue only if you started this yourself, just now.
consent-sends-to-host = After you choose, you go back to { $host }.
consent-sends-to-device = After you choose, you go back to the app on this device.
consent-sends-to-code = After you allow it, you get a code to copy into the app.
consent-allow = Allow
consent-deny = Deny
consent-client-policy = Privacy policy of { $client }
consent-client-terms = Terms of { $client }

scope-openid-title = Know who you are
scope-openid-text = Your chat address.
scope-profile-title = See your profile
scope-profile-text = Your username and the name that you show to others.
scope-offline-access-title = Stay logged in
scope-offline-access-text = Keep its access when you are away, until you take it back.
scope-xmpp-title = This gives away your whole account
scope-xmpp-text = The app could do everything that you can do with your password: read and send all messages, change the password, even delete the account. Allow it only if you trust it completely.
scope-xmpp-client-normal-title = Chat as you
scope-xmpp-client-normal-text = Read and send your messages, see your message history, and manage your contacts and profile.
scope-xmpp-account-read-title = Read your account’s data
scope-xmpp-account-read-text = Contacts, profile, and data that your other apps keep on the server. No messages.
scope-xmpp-account-write-title = Change your account’s data
scope-xmpp-account-write-text = Contacts, profile, and data that your other apps keep on the server. No messages.
scope-other-title = Use “{ $scope }”
scope-other-text = A permission that this server offers under this name.

cannot-see-password = See your password
cannot-log-in = Log in to your chat account
cannot-read-messages = Read or send messages, or open your message history
cannot-change-data = Change your contacts, profile or other data
cannot-change-password = Change your password or delete your account
cannot-manage = Manage your other apps or the server

## A code to copy

code-title = Your code
code-heading = Nearly done
code-how = Copy this code into { $client }.
code-label = Code
code-keys = With a keyboard, press Tab to select the code, then copy it.
code-warning = Give this code to nobody. Whoever has it can finish the login of { $client } to your account.

## The account's own pages

account-title = Your account
account-heading = Your account
account-logged-in = Logged in as
account-log-out = Log out
account-log-out-which = browser { $number } of the list
account-log-out-others = Log out all other browsers
account-log-out-all = Log out everywhere
account-apps = Apps with access
account-apps-text = You allowed these apps to use your account. Remove those that you no longer use or do not know.
account-no-apps = No app has access to your account.
account-whole = Use your whole account
account-granted = Allowed
account-last-used = Last used
account-sessions = Connected as
account-more = and { $amount } more
account-from = from
account-connected =
    { $amount ->
        [one] Connected now
       *[other] Connected now, { $amount } times
    }
account-revoke = Remove access
account-revoke-which = of { $client }
account-revoke-all = Remove access of all apps
account-browsers = Browsers
account-browsers-text = Logged in to these pages with your password. Apps are not among them.
account-this-browser = This browser
account-browser-since = Logged in
account-last-seen = Last seen
account-done-app = The app has no access any more. Where it was connected, it has been disconnected.
account-done-apps = No app has access any more. Those that were connected have been disconnected.
account-done-browser = The browser is logged out.
account-done-browsers = All other browsers are logged out.
browser-on = { $browser } on { $system }
browser-unknown = A browser

revoke-title = Remove access
revoke-heading = Remove the access of { $client }?
revoke-all-heading = Remove the access of all apps?
revoke-text = It is disconnected at once and cannot use your account any more, unless you allow it again.
revoke-all-text = All apps that you allowed are disconnected at once. Apps that you gave your password to are not among them: change the password to stop those.
revoke-keep = Keep it as it is

time-now = just now
time-minutes =
    { $amount ->
        [one] one minute ago
       *[other] { $amount } minutes ago
    }
time-hours =
    { $amount ->
        [one] one hour ago
       *[other] { $amount } hours ago
    }
time-days =
    { $amount ->
        [one] yesterday
       *[other] { $amount } days ago
    }
time-date = on { $date }

## Errors

error-status = Status
error-reference = Reference
error-title-bad-request = This link does not work
error-title-forbidden = That is not allowed
error-title-not-found = There is nothing here
error-title-method-not-allowed = That does not work here
error-title-expired = This page has expired
error-title-too-many-requests = Too many requests
error-title-unavailable = Please try again in a moment
error-title-internal = Something went wrong on our side
error-link-log-in = Log in again
error-link-try-again = Try again
error-link-back-to-app = Back to the app
error-link-back-to-account = Back to your account
