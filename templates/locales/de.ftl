# German texts of the pages. See en.ftl for what holds in all of them.
# People are addressed with “du”, as in chat apps; roles are named so that nobody is left out.

## Every page

footer-label = Über { $site }
footer-policy = Datenschutzerklärung
footer-terms = Nutzungsbedingungen
opens-in-new-tab = (öffnet sich in einem neuen Tab)
error-prefix = Fehler:
client-unnamed = Eine App ohne Namen

## Log in

login-title = Anmelden
login-heading = Anmelden
login-to-continue = um mit { $client } weiterzumachen
login-to-site = mit deinem Konto bei { $site }
login-username = Chat-Adresse
login-username-hint-one = Dein Name genügt, ohne { $host }.
login-username-hint-many = Deine ganze Adresse, zum Beispiel { $example }.
login-password = Passwort
login-submit = Anmelden
login-password-stays = { $client } bekommt dein Passwort nicht zu sehen.
login-error-wrong-password = Adresse oder Passwort stimmt nicht. Bitte prüfe beides und versuche es noch einmal.
login-error-try-again = Wir konnten den Chat-Server nicht nach deinem Passwort fragen. Vielleicht ist es richtig: Bitte versuche es gleich noch einmal.
login-error-too-many-minutes =
    { $amount ->
        [one] Das waren zu viele Versuche. Bitte versuche es in einer Minute wieder.
       *[other] Das waren zu viele Versuche. Bitte versuche es in { $amount } Minuten wieder.
    }
login-error-too-many-seconds =
    { $amount ->
        [one] Das waren zu viele Versuche. Bitte versuche es in einer Sekunde wieder.
       *[other] Das waren zu viele Versuche. Bitte versuche es in { $amount } Sekunden wieder.
    }
login-error-expired = Dieses Formular war zu lange offen. Bitte melde dich noch einmal an.
login-error-other-account = Die App fragt nach einem anderen Konto als dem, das hier angemeldet ist. Bitte melde dich mit dem Konto an, das du in der App verwendest.
login-error-missing-username = Bitte gib deine Adresse ein.
login-error-missing-password = Bitte gib dein Passwort ein.
login-notice-again = Bitte gib dein Passwort noch einmal ein, damit sicher ist, dass du es bist.
login-notice-logged-out = Du bist abgemeldet.

## Consent

consent-title = Zugriff erlauben
consent-heading = { $client } möchte dein Konto verwenden
consent-account = Dein Konto
consent-switch = Anderes Konto
consent-can = Die App darf dann
consent-choose = Nimm die Häkchen weg bei allem, was du nicht erlauben möchtest.
consent-nothing-chosen = Bitte lass mindestens ein Häkchen stehen, oder wähle „Ablehnen“.
consent-take-back = Du kannst das jederzeit zurücknehmen, hier auf der Seite deines Kontos.
consent-cannot = Die App darf nicht
consent-unverified-title = Wir können nicht prüfen, von wem diese App ist
consent-unverified = Apps wählen ihre Namen und Links selbst. Mach nur weiter, wenn du das gerade eben selbst angefangen hast.
consent-sends-to-host = Nach deiner Wahl geht es zurück zu { $host }.
consent-sends-to-device = Nach deiner Wahl geht es zurück zur App auf diesem Gerät.
consent-sends-to-code = Wenn du zustimmst, bekommst du einen Code, den du in die App kopierst.
consent-allow = Erlauben
consent-deny = Ablehnen
consent-client-policy = Datenschutzerklärung von { $client }
consent-client-terms = Nutzungsbedingungen von { $client }

scope-openid-title = Erfahren, wer du bist
scope-openid-text = Deine Chat-Adresse.
scope-profile-title = Dein Profil sehen
scope-profile-text = Deinen Benutzernamen und den Namen, den du anderen zeigst.
scope-offline-access-title = Angemeldet bleiben
scope-offline-access-text = Den Zugriff behalten, auch wenn du nicht da bist, bis du ihn zurücknimmst.
scope-xmpp-title = Damit gibst du dein ganzes Konto her
scope-xmpp-text = Die App könnte alles tun, was du mit deinem Passwort tun kannst: alle Nachrichten lesen und senden, das Passwort ändern, sogar das Konto löschen. Erlaube es nur, wenn du ihr völlig vertraust.
scope-xmpp-client-normal-title = In deinem Namen chatten
scope-xmpp-client-normal-text = Deine Nachrichten lesen und senden, deinen Nachrichtenverlauf sehen, deine Kontakte und dein Profil verwalten.
scope-xmpp-account-read-title = Die Daten deines Kontos lesen
scope-xmpp-account-read-text = Kontakte, Profil und Daten, die deine anderen Apps auf dem Server aufbewahren. Keine Nachrichten.
scope-xmpp-account-write-title = Die Daten deines Kontos ändern
scope-xmpp-account-write-text = Kontakte, Profil und Daten, die deine anderen Apps auf dem Server aufbewahren. Keine Nachrichten.
scope-other-title = „{ $scope }“ verwenden
scope-other-text = Eine Berechtigung, die dieser Server unter diesem Namen anbietet.
scope-service-text = Bei „{ $service }“, einem anderen Dienst dieses Servers. Er und die App erfahren deine Chat-Adresse.

cannot-see-password = Dein Passwort sehen
cannot-log-in = Sich mit deinem Chat-Konto anmelden
cannot-read-messages = Nachrichten lesen oder senden oder deinen Nachrichtenverlauf öffnen
cannot-change-data = Deine Kontakte, dein Profil oder andere Daten ändern
cannot-change-password = Dein Passwort ändern oder dein Konto löschen
cannot-manage = Deine anderen Apps oder den Server verwalten

## Log out

logout-title = Abmelden
logout-heading = Abmelden?
logout-asked-by = { $client } möchte dich von { $site } abmelden.
logout-asked-by-host = { $client } ({ $host }) möchte dich von { $site } abmelden.
logout-asked = Eine App möchte dich von { $site } abmelden.
logout-fault-title = Mit der Anfrage der App stimmt etwas nicht
logout-fault = Du kannst dich trotzdem abmelden, kommst dann aber nicht zur App zurück.
logout-ends-title = Du meldest dich in diesem Browser ab
logout-ends-text = Die nächste App, die nach deinem Konto fragt, fragt auch nach deinem Passwort.
logout-keeps-title = Deine Apps bleiben, wie sie sind
logout-keeps-text = Apps, denen du es erlaubt hast, behalten ihren Zugriff, und Chat-Apps bleiben verbunden, bis du es zurücknimmst.
logout-submit = Abmelden
logout-stay = Wenn du angemeldet bleiben möchtest, schließe diese Seite.
logged-out-title = Du bist abgemeldet
logged-out-text = In diesem Browser ist niemand mehr bei { $site } angemeldet.
logged-out-back-host = Weiter zu { $host }

## A code to copy

code-title = Dein Code
code-heading = Fast fertig
code-how = Kopiere diesen Code in { $client }.
code-label = Code
code-keys = Mit der Tastatur: Drücke Tab, um den Code auszuwählen, und kopiere ihn dann.
code-warning = Gib diesen Code niemandem. Wer ihn hat, kann die Anmeldung von { $client } bei deinem Konto abschließen.

## Connect a device

device-title = Gerät verbinden
device-heading = Gerät verbinden
device-how = Gib den Code ein, den dein Gerät zeigt.
device-code = Code
device-code-hint = Acht Buchstaben. Kleinbuchstaben und ohne Strich geht auch.
device-continue = Weiter
device-error-unknown = Kein Gerät wartet mit diesem Code. Prüfe die Buchstaben. Wenn das Gerät schon lange wartet, lass es einen neuen Code zeigen.
device-asked-from = Angefragt von
device-asked = Angefragt
device-minutes =
    { $amount ->
        [0] gerade eben
        [one] vor einer Minute
       *[other] vor { $amount } Minuten
    }
device-compare-title = Zeigt dein eigenes Gerät gerade jetzt diesen Code?
device-compare = Wenn dir jemand den Code oder einen Link geschickt hat, lehne ab: Diese Person käme sonst in dein Konto. Wir können nicht prüfen, von wem diese App ist.
device-sends-to = Geh nach deiner Wahl zurück zum Gerät.
device-allowed = Dein Gerät ist verbunden
device-allowed-how = Du kannst diese Seite schließen und auf dem Gerät mit { $client } weitermachen.
device-denied = Du hast abgelehnt
device-denied-how = { $client } auf dem Gerät bekommt keinen Zugriff. Du kannst diese Seite schließen.

## Back to the app by a form

send-title = Zurück zur App
send-heading = Fast fertig
send-how = Geh zurück zu { $client }, um es abzuschließen.
send-submit = Weiter

## The account's own pages

account-title = Dein Konto
account-heading = Dein Konto
account-logged-in = Angemeldet als
account-log-out = Abmelden
account-log-out-which = (Browser { $number } der Liste)
account-log-out-others = Alle anderen Browser abmelden
account-log-out-all = Überall abmelden
account-apps = Apps mit Zugriff
account-apps-text = Diesen Apps hast du erlaubt, dein Konto zu verwenden. Entferne die, die du nicht mehr verwendest oder nicht kennst.
account-no-apps = Keine App hat Zugriff auf dein Konto.
account-whole = Dein ganzes Konto verwenden
account-granted = Erlaubt
account-last-used = Zuletzt verwendet
account-sessions = Verbunden als
account-more = und { $amount } mehr
account-from = von
account-connected =
    { $amount ->
        [one] Gerade verbunden
       *[other] Gerade verbunden, { $amount }-mal
    }
account-revoke = Zugriff entziehen
account-revoke-which = für { $client }
account-revoke-all = Allen Apps den Zugriff entziehen
account-browsers = Browser
account-browsers-text = Auf diesen Seiten mit deinem Passwort angemeldet. Apps gehören nicht dazu.
account-this-browser = Dieser Browser
account-browser-since = Angemeldet
account-last-seen = Zuletzt gesehen
account-done-app = Die App hat keinen Zugriff mehr. Wo sie verbunden war, wurde sie getrennt.
account-done-apps = Keine App hat mehr Zugriff. Alle, die verbunden waren, wurden getrennt.
account-done-browser = Der Browser ist abgemeldet.
account-done-browsers = Alle anderen Browser sind abgemeldet.
account-notices = Nachrichten über dein Konto
account-notices-on = Du bekommst eine Nachricht in dein Chatprogramm, wenn eine App Zugriff bekommt, wenn eine kopierte Anmeldung gestoppt wurde und wenn viele falsche Passwörter eingegeben wurden.
account-notices-off = Du bekommst keine Nachricht in dein Chatprogramm, was auch immer mit deinem Konto geschieht.
account-notices-stop = Mir keine solchen Nachrichten schicken
account-notices-start = Mir solche Nachrichten schicken
account-done-notices-on = Ab jetzt bekommst du Nachrichten über dein Konto.
account-done-notices-off = Du bekommst keine Nachrichten über dein Konto mehr.
account-events = Was in letzter Zeit geschehen ist
account-events-text = Wenn du etwas davon nicht selbst warst, ändere dein Passwort und entferne die Apps, die du nicht kennst.
event-granted = { $client } hat Zugriff bekommen
event-replayed = Jemand hat eine kopierte Anmeldung von { $client } verwendet: Sie wurde beendet, und die App muss dich neu fragen
event-logged-in =
    { $amount ->
        [one] Anmeldung auf diesen Seiten
       *[other] { $amount } Anmeldungen auf diesen Seiten
    }
event-login-failed =
    { $amount ->
        [one] Ein falsches Passwort wurde eingegeben
       *[other] { $amount }-mal wurde ein falsches Passwort eingegeben
    }
event-ended-owner = Du hast { $client } den Zugriff entzogen
event-ended-client = { $client } hat den Zugriff zurückgegeben
event-ended-operator = Das Team dieses Servers hat { $client } den Zugriff entzogen
event-ended-password = { $client } hat keinen Zugriff mehr, weil das Passwort geändert wurde
event-ended-disabled = { $client } hat keinen Zugriff mehr, weil das Konto gesperrt wurde
event-ended-too-many = { $client } hat keinen Zugriff mehr: Es war der älteste von sehr vielen
browser-on = { $browser } unter { $system }
browser-unknown = Ein Browser

revoke-title = Zugriff entziehen
revoke-heading = { $client } den Zugriff entziehen?
revoke-all-heading = Allen Apps den Zugriff entziehen?
revoke-text = Die App wird sofort getrennt und kann dein Konto nicht mehr verwenden, bis du es wieder erlaubst.
revoke-all-text = Alle Apps, denen du es erlaubt hast, werden sofort getrennt. Apps, denen du dein Passwort gegeben hast, gehören nicht dazu: Ändere das Passwort, um sie auszusperren.
revoke-keep = Alles so lassen

time-now = gerade eben
time-minutes =
    { $amount ->
        [one] vor einer Minute
       *[other] vor { $amount } Minuten
    }
time-hours =
    { $amount ->
        [one] vor einer Stunde
       *[other] vor { $amount } Stunden
    }
time-days =
    { $amount ->
        [one] gestern
       *[other] vor { $amount } Tagen
    }
time-date = am { $date }

## Messages to an account, over XMPP; a link to the account's page follows on a line of its own

notice-new-app = { $client } hat jetzt Zugriff auf dein Konto { $account }. Wenn du das nicht warst, entziehe der App den Zugriff und ändere dein Passwort:
notice-replay = Jemand hat eine kopierte Anmeldung von { $client } für dein Konto { $account } verwendet. Sie wurde gestoppt, und die App hat keinen Zugriff mehr: Erlaube ihn nur wieder, wenn du dem Gerät vertraust, auf dem sie läuft. Was in letzter Zeit geschehen ist:
notice-wrong-passwords = Für dein Konto { $account } wurden viele falsche Passwörter eingegeben. Keines hat gepasst, und weitere müssen eine Weile warten. Wenn du das nicht warst, sorge dafür, dass dein Passwort lang ist und du es nirgends sonst verwendest. Was in letzter Zeit geschehen ist:

## Errors

error-status = Status
error-reference = Kennung
error-title-bad-request = Dieser Link funktioniert nicht
error-title-forbidden = Das ist nicht erlaubt
error-title-not-found = Hier ist nichts
error-title-method-not-allowed = Das geht hier nicht
error-title-expired = Diese Seite ist abgelaufen
error-title-too-many-requests = Zu viele Anfragen
error-title-unavailable = Bitte versuche es gleich noch einmal
error-title-internal = Bei uns ist etwas schiefgegangen
error-text-bad-request = Die App oder der Link, über den du hierher gekommen bist, verlangt etwas, das nicht geht. Bitte geh zurück und versuche es noch einmal. Wenn das nicht hilft, sag denen Bescheid, die die App machen.
error-text-forbidden = Das darfst du nicht sehen, oder nicht mehr. Bitte geh zurück und fang noch einmal an.
error-text-not-found = Vielleicht ist die Adresse vertippt, oder was hier war, gibt es nicht mehr.
error-text-method-not-allowed = Bitte geh zurück und fang noch einmal an.
error-text-expired = Bitte geh zurück und fang noch einmal an.
error-text-too-many-requests = Bitte warte eine Weile, bevor du es wieder versuchst.
error-text-unavailable = Der Chat-Server antwortet gerade nicht. Es liegt nicht an dir.
error-text-internal = Bitte versuche es später noch einmal. Wenn das nicht hilft, sag dem Team dieses Servers Bescheid und nenne die Kennung, die unten steht.
error-link-log-in = Neu anmelden
error-link-try-again = Noch einmal versuchen
error-link-back-to-app = Zurück zur App
error-link-back-to-account = Zurück zu deinem Konto
