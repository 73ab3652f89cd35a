# English texts of the pages. Format: https://projectfluent.org
# Values in braces come from elsewhere; they are escaped after the text is put together, so a text
# holds no markup. Apps choose their own names: never let a text depend on what a name says.
# The other languages have the same texts with the same values, in forms of their own.

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
login-username-hint-one = Your username is enough, without { $host }.
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
login-error-other-account = The app asks for another account than the one that is logged in here. Please log in with the account that you use in the app.
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
consent-choose = Untick what you do not want to allow.
consent-nothing-chosen = Please leave at least one thing ticked, or choose Deny.
consent-take-back = You can take this back at any time, on your account’s page here.
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
scope-service-text = At “{ $service }”, another service of this server. It and the app learn your chat address.

cannot-see-password = See your password
cannot-log-in = Log in to your chat account
cannot-read-messages = Read or send messages, or open your message history
cannot-change-data = Change your contacts, profile or other data
cannot-change-password = Change your password or delete your account
cannot-manage = Manage your other apps or the server

## Log out

logout-title = Log out
logout-heading = Log out?
logout-asked-by = { $client } asks to log you out of { $site }.
logout-asked-by-host = { $client } ({ $host }) asks to log you out of { $site }.
logout-asked = An app asks to log you out of { $site }.
logout-fault-title = Something is wrong with the app’s request
logout-fault = You can log out all the same, but you will not go back to the app.
logout-ends-title = You log out in this browser
logout-ends-text = The next app that asks for your account asks for your password, too.
logout-keeps-title = Your apps stay as they are
logout-keeps-text = Apps that you have allowed keep their access, and chat apps stay connected, until you take it back.
logout-submit = Log out
logout-stay = To stay logged in, close this page.
logged-out-title = You are logged out
logged-out-text = Nobody is logged in to { $site } in this browser.
logged-out-back-host = Go to { $host }

## A code to copy

code-title = Your code
code-heading = Nearly done
code-how = Copy this code into { $client }.
code-label = Code
code-keys = With a keyboard, press Tab to select the code, then copy it.
code-warning = Give this code to nobody. Whoever has it can finish the login of { $client } to your account.

## Connect a device

device-title = Connect a device
device-heading = Connect a device
device-how = Type the code that your device shows.
device-code = Code
device-code-hint = Eight letters. Small letters and no dash are fine, too.
device-continue = Continue
device-error-unknown = No device waits with this code. Check the letters; if the device has waited for long, let it show a new code.
device-asked-from = Asked from
device-asked = Asked
device-minutes =
    { $amount ->
        [0] just now
        [one] one minute ago
       *[other] { $amount } minutes ago
    }
device-compare-title = Does your own device show this code right now?
device-compare = If somebody sent you the code or a link, deny: they would get into your account. We cannot verify who made this app.
device-sends-to = After you choose, go back to the device.
device-allowed = Your device is connected
device-allowed-how = You can close this page and go on in { $client } on the device.
device-denied = You said no
device-denied-how = { $client } on the device gets no access. You can close this page.

## Back to the app by a form

send-title = Back to the app
send-heading = Nearly done
send-how = Go back to { $client } to finish.
send-submit = Continue

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
account-notices = Messages about your account
account-notices-on = You get a message in your chat client when an app is given access, when a copied login was stopped, and when many wrong passwords were given.
account-notices-off = You get no message in your chat client, whatever happens to your account.
account-notices-stop = Send me no such messages
account-notices-start = Send me such messages
account-done-notices-on = From now on you get messages about your account.
account-done-notices-off = You get no more messages about your account.
account-events = What happened lately
account-events-text = If something here was not you, change your password and remove the apps that you do not know.
event-granted = { $client } was given access
event-replayed = Somebody used a copied login of { $client }: it was stopped, and the app has to ask you again
event-logged-in =
    { $amount ->
        [one] Login to these pages
       *[other] { $amount } logins to these pages
    }
event-login-failed =
    { $amount ->
        [one] A wrong password was given
       *[other] { $amount } wrong passwords were given
    }
event-ended-owner = You removed the access of { $client }
event-ended-client = { $client } gave its access back
event-ended-operator = The people who run this server removed the access of { $client }
event-ended-password = { $client } lost its access because the password changed
event-ended-disabled = { $client } lost its access because the account was disabled
event-ended-too-many = { $client } lost its access: it was the oldest of very many
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

## Messages to an account, over XMPP; a link to the account's page follows on a line of its own

notice-new-app = { $client } now has access to your account { $account }. If that was not you, remove its access and change your password:
notice-replay = Somebody used a copied login of { $client } for your account { $account }. It was stopped, and the app has lost its access: allow it again only if you trust the device that it runs on. What happened lately:
notice-wrong-passwords = Many wrong passwords were given for your account { $account }. None was taken, and more have to wait for a while. If that was not you, make sure that your password is long and that you use it nowhere else. What happened lately:

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
error-text-bad-request = The app or the link that brought you here asked for something that does not work. Please go back and try again. If that does not help, tell the people who make the app.
error-text-forbidden = This is closed to you, or not open any more. Please go back and start again.
error-text-not-found = The address may be mistyped, or what was here is gone.
error-text-method-not-allowed = Please go back and start again.
error-text-expired = Please go back and start again.
error-text-too-many-requests = Please wait a while before you try again.
error-text-unavailable = The chat server does not answer just now. It is not your fault.
error-text-internal = Please try again later. If that does not help, tell the people who run this server, with the reference below.
error-link-log-in = Log in again
error-link-try-again = Try again
error-link-back-to-app = Back to the app
error-link-back-to-account = Back to your account
