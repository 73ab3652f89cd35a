# French texts of the pages. See en.ftl for what holds in all of them.
# People are addressed with “vous”, in words that fit everybody. A no-break space goes before : ; ? !
# and inside guillemets, written as {"\u00A0"} where it could be taken for a plain one.

## Every page

footer-label = À propos de { $site }
footer-policy = Politique de confidentialité
footer-terms = Conditions d’utilisation
opens-in-new-tab = (s’ouvre dans un nouvel onglet)
error-prefix = Erreur{"\u00A0"}:
client-unnamed = Une application sans nom

## Log in

login-title = Se connecter
login-heading = Se connecter
login-to-continue = pour continuer vers { $client }
login-to-site = avec votre compte { $site }
login-username = Adresse de messagerie instantanée
login-username-hint-one = Votre identifiant suffit, sans { $host }.
login-username-hint-many = Votre adresse complète, par exemple { $example }.
login-password = Mot de passe
login-submit = Se connecter
login-password-stays = { $client } ne verra pas votre mot de passe.
login-error-wrong-password = L’adresse ou le mot de passe est incorrect. Vérifiez les deux, puis réessayez.
login-error-try-again = Nous n’avons pas pu vérifier votre mot de passe auprès du serveur. Il est peut-être correct{"\u00A0"}: réessayez dans un instant.
login-error-too-many-minutes =
    { $amount ->
        [one] Il y a eu trop de tentatives. Réessayez dans une minute.
       *[other] Il y a eu trop de tentatives. Réessayez dans { $amount } minutes.
    }
login-error-too-many-seconds =
    { $amount ->
        [one] Il y a eu trop de tentatives. Réessayez dans une seconde.
       *[other] Il y a eu trop de tentatives. Réessayez dans { $amount } secondes.
    }
login-error-expired = Ce formulaire est resté ouvert trop longtemps. Veuillez vous reconnecter.
login-error-other-account = L’application demande un autre compte que celui qui est connecté ici. Connectez-vous avec le compte que vous utilisez dans l’application.
login-error-missing-username = Saisissez votre adresse.
login-error-missing-password = Saisissez votre mot de passe.
login-notice-again = Saisissez encore une fois votre mot de passe, pour confirmer que c’est bien vous.
login-notice-logged-out = Votre session est fermée.

## Consent

consent-title = Autoriser l’accès
consent-heading = { $client } demande à utiliser votre compte
consent-account = Votre compte
consent-switch = Changer de compte
consent-can = L’application pourra
consent-choose = Décochez ce que vous ne voulez pas autoriser.
consent-nothing-chosen = Laissez au moins une case cochée, ou choisissez «{"\u00A0"}Refuser{"\u00A0"}».
consent-take-back = Vous pouvez retirer cette autorisation à tout moment, ici, sur la page de votre compte.
consent-cannot = L’application ne pourra pas
consent-unverified-title = Nous ne pouvons pas vérifier d’où vient cette application
consent-unverified = Les applications choisissent elles-mêmes leur nom et leurs liens. Ne continuez que si vous venez de lancer cette demande vous-même.
consent-sends-to-host = Après votre choix, vous retournerez sur { $host }.
consent-sends-to-device = Après votre choix, vous retournerez à l’application sur cet appareil.
consent-sends-to-code = Si vous acceptez, vous recevrez un code à copier dans l’application.
consent-allow = Autoriser
consent-deny = Refuser
consent-client-policy = Politique de confidentialité de { $client }
consent-client-terms = Conditions d’utilisation de { $client }

scope-openid-title = Savoir qui vous êtes
scope-openid-text = Votre adresse de messagerie instantanée.
scope-profile-title = Voir votre profil
scope-profile-text = Votre identifiant et le nom que vous montrez aux autres.
scope-offline-access-title = Garder la session ouverte
scope-offline-access-text = Conserver son accès en votre absence, jusqu’à ce que vous le retiriez.
scope-xmpp-title = Vous donnez accès à tout votre compte
scope-xmpp-text = L’application pourrait faire tout ce que vous pouvez faire avec votre mot de passe{"\u00A0"}: lire et envoyer tous les messages, changer le mot de passe et même supprimer le compte. N’acceptez que si vous lui faites entièrement confiance.
scope-xmpp-client-normal-title = Discuter en votre nom
scope-xmpp-client-normal-text = Lire et envoyer vos messages, voir l’historique de vos messages, gérer vos contacts et votre profil.
scope-xmpp-account-read-title = Lire les données de votre compte
scope-xmpp-account-read-text = Les contacts, le profil et les données que vos autres applications gardent sur le serveur. Aucun message.
scope-xmpp-account-write-title = Modifier les données de votre compte
scope-xmpp-account-write-text = Les contacts, le profil et les données que vos autres applications gardent sur le serveur. Aucun message.
scope-other-title = Utiliser «{"\u00A0"}{ $scope }{"\u00A0"}»
scope-other-text = Une autorisation que ce serveur propose sous ce nom.
scope-service-text = Sur «{"\u00A0"}{ $service }{"\u00A0"}», un autre service de ce serveur. Ce service et l’application apprennent votre adresse de discussion.

cannot-see-password = Voir votre mot de passe
cannot-log-in = Se connecter à votre compte de messagerie instantanée
cannot-read-messages = Lire ou envoyer des messages, ou ouvrir l’historique de vos messages
cannot-change-data = Modifier vos contacts, votre profil ou d’autres données
cannot-change-password = Changer votre mot de passe ou supprimer votre compte
cannot-manage = Gérer vos autres applications ou le serveur

## Log out

logout-title = Se déconnecter
logout-heading = Se déconnecter{"\u00A0"}?
logout-asked-by = { $client } demande à vous déconnecter de { $site }.
logout-asked-by-host = { $client } ({ $host }) demande à vous déconnecter de { $site }.
logout-asked = Une application demande à vous déconnecter de { $site }.
logout-fault-title = La demande de l’application n’est pas correcte
logout-fault = Vous pouvez quand même vous déconnecter, mais vous ne retournerez pas à l’application.
logout-ends-title = Vous vous déconnectez dans ce navigateur
logout-ends-text = La prochaine application qui demandera votre compte demandera aussi votre mot de passe.
logout-keeps-title = Vos applications restent telles quelles
logout-keeps-text = Les applications que vous avez autorisées gardent leur accès, et celles de discussion restent connectées, jusqu’à ce que vous retiriez l’autorisation.
logout-submit = Se déconnecter
logout-stay = Pour garder votre session ouverte, fermez cette page.
logged-out-title = Votre session est fermée
logged-out-text = Aucune session n’est plus ouverte sur { $site } dans ce navigateur.
logged-out-back-host = Aller sur { $host }

## A code to copy

code-title = Votre code
code-heading = C’est presque fini
code-how = Copiez ce code dans { $client }.
code-label = Code
code-keys = Au clavier, appuyez sur Tab pour sélectionner le code, puis copiez-le.
code-warning = Ne donnez ce code à personne. Quiconque l’obtient peut terminer la connexion de { $client } à votre compte.

## Connect a device

device-title = Connecter un appareil
device-heading = Connecter un appareil
device-how = Saisissez le code que votre appareil affiche.
device-code = Code
device-code-hint = Huit lettres. Les minuscules et l’absence de tiret conviennent aussi.
device-continue = Continuer
device-error-unknown = Aucun appareil n’attend avec ce code. Vérifiez les lettres{"\u00A0"}; si l’appareil attend depuis longtemps, faites-lui afficher un nouveau code.
device-asked-from = Demandé depuis
device-asked = Demandé
device-minutes =
    { $amount ->
        [0] à l’instant
        [one] il y a une minute
       *[other] il y a { $amount } minutes
    }
device-compare-title = Votre propre appareil affiche-t-il ce code en ce moment{"\u00A0"}?
device-compare = Si quelqu’un vous a envoyé le code ou un lien, refusez{"\u00A0"}: cette personne entrerait dans votre compte. Nous ne pouvons pas vérifier d’où vient cette application.
device-sends-to = Après votre choix, retournez à l’appareil.
device-allowed = Votre appareil est connecté
device-allowed-how = Vous pouvez fermer cette page et continuer dans { $client } sur l’appareil.
device-denied = Vous avez refusé
device-denied-how = { $client } sur l’appareil n’obtient aucun accès. Vous pouvez fermer cette page.

## Back to the app by a form

send-title = Retour à l’application
send-heading = C’est presque fini
send-how = Retournez à { $client } pour terminer.
send-submit = Continuer

## The account's own pages

account-title = Votre compte
account-heading = Votre compte
account-logged-in = Session ouverte pour
account-log-out = Déconnecter
account-log-out-which = le navigateur { $number } de la liste
account-log-out-others = Déconnecter tous les autres navigateurs
account-log-out-all = Se déconnecter partout
account-apps = Applications autorisées
account-apps-text = Vous avez autorisé ces applications à utiliser votre compte. Retirez celles que vous n’utilisez plus ou que vous ne connaissez pas.
account-no-apps = Aucune application n’a accès à votre compte.
account-whole = Utiliser tout votre compte
account-granted = Autorisation
account-last-used = Dernière utilisation
account-sessions = Connexions
account-more =
    { $amount ->
        [one] et { $amount } autre
       *[other] et { $amount } autres
    }
account-from = depuis
account-connected =
    { $amount ->
        [one] En ligne
       *[other] En ligne, { $amount } fois
    }
account-revoke = Retirer l’accès
account-revoke-which = de { $client }
account-revoke-all = Retirer l’accès de toutes les applications
account-browsers = Navigateurs
account-browsers-text = Connectés à ces pages avec votre mot de passe. Les applications n’en font pas partie.
account-this-browser = Ce navigateur
account-browser-since = Connexion
account-last-seen = Dernière activité
account-done-app = L’application n’a plus accès. Si elle était connectée, elle a été déconnectée.
account-done-apps = Plus aucune application n’a accès. Celles qui étaient connectées ont été déconnectées.
account-done-browser = Le navigateur est déconnecté.
account-done-browsers = Tous les autres navigateurs sont déconnectés.
account-notices = Messages au sujet de votre compte
account-notices-on = Vous recevez un message dans votre messagerie quand une application obtient l’accès, quand une connexion copiée a été bloquée et quand de nombreux mots de passe incorrects ont été saisis.
account-notices-off = Vous ne recevez aucun message dans votre messagerie, quoi qu’il arrive à votre compte.
account-notices-stop = Ne plus m’envoyer ces messages
account-notices-start = M’envoyer ces messages
account-done-notices-on = Vous recevrez désormais des messages au sujet de votre compte.
account-done-notices-off = Vous ne recevrez plus de messages au sujet de votre compte.
account-events = Activité récente
account-events-text = Si quelque chose ici ne vient pas de vous, changez votre mot de passe et retirez les applications que vous ne connaissez pas.
event-granted = { $client } a obtenu l’accès
event-replayed = Quelqu’un a utilisé une connexion copiée de { $client }{"\u00A0"}: elle a été arrêtée, et l’application doit de nouveau vous demander l’accès
event-logged-in =
    { $amount ->
        [one] Connexion à ces pages
       *[other] { $amount } connexions à ces pages
    }
event-login-failed =
    { $amount ->
        [one] Un mot de passe incorrect a été saisi
       *[other] { $amount } mots de passe incorrects ont été saisis
    }
event-ended-owner = Vous avez retiré l’accès de { $client }
event-ended-client = { $client } a rendu son accès
event-ended-operator = L’équipe de ce serveur a retiré l’accès de { $client }
event-ended-password = { $client } a perdu son accès parce que le mot de passe a changé
event-ended-disabled = { $client } a perdu son accès parce que le compte a été désactivé
event-ended-too-many = { $client } a perdu son accès{"\u00A0"}: c’était le plus ancien parmi un très grand nombre
browser-on = { $browser } sous { $system }
browser-unknown = Un navigateur

revoke-title = Retirer l’accès
revoke-heading = Retirer l’accès de { $client }{"\u00A0"}?
revoke-all-heading = Retirer l’accès de toutes les applications{"\u00A0"}?
revoke-text = L’application est déconnectée immédiatement et ne peut plus utiliser votre compte, sauf si vous l’autorisez de nouveau.
revoke-all-text = Toutes les applications que vous avez autorisées sont déconnectées immédiatement. Celles à qui vous avez donné votre mot de passe n’en font pas partie{"\u00A0"}: pour les arrêter, changez le mot de passe.
revoke-keep = Ne rien changer

time-now = à l’instant
time-minutes =
    { $amount ->
        [one] il y a une minute
       *[other] il y a { $amount } minutes
    }
time-hours =
    { $amount ->
        [one] il y a une heure
       *[other] il y a { $amount } heures
    }
time-days =
    { $amount ->
        [one] hier
       *[other] il y a { $amount } jours
    }
time-date = le { $date }

## Messages to an account, over XMPP; a link to the account's page follows on a line of its own

notice-new-app = { $client } a maintenant accès à votre compte { $account }. Si cela ne vient pas de vous, retirez-lui l’accès et changez votre mot de passe{"\u00A0"}:
notice-replay = Quelqu’un s’est servi d’une connexion copiée de { $client } pour votre compte { $account }. Elle a été bloquée et l’application n’a plus accès{"\u00A0"}: ne l’autorisez à nouveau que si vous avez confiance dans l’appareil où elle se trouve. Activité récente{"\u00A0"}:
notice-wrong-passwords = De nombreux mots de passe incorrects ont été saisis pour votre compte { $account }. Aucun n’a été accepté, et les suivants devront attendre un moment. Si cela ne vient pas de vous, veillez à ce que votre mot de passe soit long et ne l’utilisez nulle part ailleurs. Activité récente{"\u00A0"}:

## Errors

error-status = État
error-reference = Référence
error-title-bad-request = Ce lien ne fonctionne pas
error-title-forbidden = Ce n’est pas autorisé
error-title-not-found = Il n’y a rien ici
error-title-method-not-allowed = Ce n’est pas possible ici
error-title-expired = Cette page a expiré
error-title-too-many-requests = Trop de demandes
error-title-unavailable = Réessayez dans un instant
error-title-internal = Une erreur s’est produite de notre côté
error-text-bad-request = L’application ou le lien à l’origine de cette page demande quelque chose qui ne fonctionne pas. Revenez en arrière et réessayez. Si cela ne suffit pas, prévenez l’équipe de l’application.
error-text-forbidden = Vous n’avez pas accès à cette page, ou vous ne l’avez plus. Revenez en arrière et recommencez.
error-text-not-found = L’adresse contient peut-être une faute de frappe, ou ce qui se trouvait ici n’existe plus.
error-text-method-not-allowed = Revenez en arrière et recommencez.
error-text-expired = Revenez en arrière et recommencez.
error-text-too-many-requests = Attendez un peu avant de réessayer.
error-text-unavailable = Le serveur de messagerie ne répond pas en ce moment. Vous n’y êtes pour rien.
error-text-internal = Réessayez plus tard. Si cela ne suffit pas, prévenez l’équipe de ce serveur en indiquant la référence ci-dessous.
error-link-log-in = Se reconnecter
error-link-try-again = Réessayer
error-link-back-to-app = Retour à l’application
error-link-back-to-account = Retour à votre compte
