# Spanish texts of the pages. See en.ftl for what holds in all of them.
# People are addressed with “tú”, in words that fit everybody.

## Every page

footer-label = Acerca de { $site }
footer-policy = Política de privacidad
footer-terms = Condiciones de uso
opens-in-new-tab = (se abre en una pestaña nueva)
error-prefix = Error:
client-unnamed = Una aplicación sin nombre

## Log in

login-title = Iniciar sesión
login-heading = Iniciar sesión
login-to-continue = para continuar en { $client }
login-to-site = con tu cuenta de { $site }
login-username = Dirección de chat
login-username-hint-one = Basta con tu nombre de usuario, sin { $host }.
login-username-hint-many = Tu dirección completa, por ejemplo { $example }.
login-password = Contraseña
login-submit = Iniciar sesión
login-password-stays = { $client } no verá tu contraseña.
login-error-wrong-password = La dirección o la contraseña no es correcta. Comprueba las dos y vuelve a intentarlo.
login-error-try-again = No hemos podido comprobar tu contraseña con el servidor de chat. Puede que sea correcta: vuelve a intentarlo en un momento.
login-error-too-many-minutes =
    { $amount ->
        [one] Ha habido demasiados intentos. Vuelve a intentarlo en un minuto.
       *[other] Ha habido demasiados intentos. Vuelve a intentarlo en { $amount } minutos.
    }
login-error-too-many-seconds =
    { $amount ->
        [one] Ha habido demasiados intentos. Vuelve a intentarlo en un segundo.
       *[other] Ha habido demasiados intentos. Vuelve a intentarlo en { $amount } segundos.
    }
login-error-expired = Este formulario ha estado abierto demasiado tiempo. Vuelve a iniciar sesión.
login-error-other-account = La aplicación pide otra cuenta que la que tiene la sesión iniciada aquí. Inicia sesión con la cuenta que usas en la aplicación.
login-error-missing-username = Escribe tu dirección.
login-error-missing-password = Escribe tu contraseña.
login-notice-again = Escribe tu contraseña una vez más, para confirmar tu identidad.
login-notice-logged-out = Has cerrado la sesión.

## Consent

consent-title = Permitir el acceso
consent-heading = { $client } pide usar tu cuenta
consent-account = Tu cuenta
consent-switch = Usar otra
consent-can = La aplicación podrá
consent-choose = Desmarca lo que no quieras permitir.
consent-nothing-chosen = Deja al menos una casilla marcada o elige «Rechazar».
consent-take-back = Puedes retirar este permiso en cualquier momento, aquí, en la página de tu cuenta.
consent-cannot = La aplicación no podrá
consent-unverified-title = No podemos verificar de quién es esta aplicación
consent-unverified = Las aplicaciones eligen su nombre y sus enlaces. Continúa solo si has empezado esto tú, ahora mismo.
consent-sends-to-host = Después de elegir, volverás a { $host }.
consent-sends-to-device = Después de elegir, volverás a la aplicación en este dispositivo.
consent-sends-to-code = Si lo permites, recibirás un código para copiarlo en la aplicación.
consent-allow = Permitir
consent-deny = Rechazar
consent-client-policy = Política de privacidad de { $client }
consent-client-terms = Condiciones de uso de { $client }

scope-openid-title = Saber quién eres
scope-openid-text = Tu dirección de chat.
scope-profile-title = Ver tu perfil
scope-profile-text = Tu nombre de usuario y el nombre que muestras a otras personas.
scope-offline-access-title = Mantener la sesión iniciada
scope-offline-access-text = Conservar su acceso cuando no estés, hasta que lo retires.
scope-xmpp-title = Esto da acceso a toda tu cuenta
scope-xmpp-text = La aplicación podría hacer todo lo que tú puedes hacer con tu contraseña: leer y enviar todos los mensajes, cambiar la contraseña e incluso borrar la cuenta. Permítelo solo si confías plenamente en ella.
scope-xmpp-client-normal-title = Chatear en tu nombre
scope-xmpp-client-normal-text = Leer y enviar tus mensajes, ver tu historial de mensajes y gestionar tus contactos y tu perfil.
scope-xmpp-account-read-title = Leer los datos de tu cuenta
scope-xmpp-account-read-text = Contactos, perfil y datos que tus otras aplicaciones guardan en el servidor. Ningún mensaje.
scope-xmpp-account-write-title = Cambiar los datos de tu cuenta
scope-xmpp-account-write-text = Contactos, perfil y datos que tus otras aplicaciones guardan en el servidor. Ningún mensaje.
scope-other-title = Usar «{ $scope }»
scope-other-text = Un permiso que este servidor ofrece con este nombre.
scope-service-text = En «{ $service }», otro servicio de este servidor. El servicio y la aplicación conocerán tu dirección de chat.

cannot-see-password = Ver tu contraseña
cannot-log-in = Entrar en tu cuenta de chat
cannot-read-messages = Leer o enviar mensajes, o abrir tu historial de mensajes
cannot-change-data = Cambiar tus contactos, tu perfil u otros datos
cannot-change-password = Cambiar tu contraseña o borrar tu cuenta
cannot-manage = Gestionar tus otras aplicaciones o el servidor

## Log out

logout-title = Cerrar sesión
logout-heading = ¿Cerrar sesión?
logout-asked-by = { $client } pide cerrar tu sesión en { $site }.
logout-asked-by-host = { $client } ({ $host }) pide cerrar tu sesión en { $site }.
logout-asked = Una aplicación pide cerrar tu sesión en { $site }.
logout-fault-title = Hay un problema con la petición de la aplicación
logout-fault = Puedes cerrar la sesión de todos modos, pero no volverás a la aplicación.
logout-ends-title = Cierras la sesión en este navegador
logout-ends-text = La próxima aplicación que pida tu cuenta también pedirá tu contraseña.
logout-keeps-title = Tus aplicaciones siguen como están
logout-keeps-text = Las aplicaciones que has permitido conservan su acceso, y las de chat siguen conectadas, hasta que retires el permiso.
logout-submit = Cerrar sesión
logout-stay = Para mantener la sesión iniciada, cierra esta página.
logged-out-title = Has cerrado la sesión
logged-out-text = Ya no hay ninguna sesión de { $site } iniciada en este navegador.
logged-out-back-host = Ir a { $host }

## A code to copy

code-title = Tu código
code-heading = Ya casi está
code-how = Copia este código en { $client }.
code-label = Código
code-keys = Con el teclado, pulsa Tab para seleccionar el código y cópialo.
code-warning = No des este código a nadie. Quien lo tenga puede completar el acceso de { $client } a tu cuenta.

## Connect a device

device-title = Conectar un dispositivo
device-heading = Conectar un dispositivo
device-how = Escribe el código que muestra tu dispositivo.
device-code = Código
device-code-hint = Ocho letras. También valen las minúsculas y sin guion.
device-continue = Continuar
device-error-unknown = Ningún dispositivo espera con este código. Comprueba las letras; si el dispositivo lleva mucho tiempo esperando, haz que muestre un código nuevo.
device-asked-from = Pedido desde
device-asked = Pedido
device-minutes =
    { $amount ->
        [0] ahora mismo
        [one] hace un minuto
       *[other] hace { $amount } minutos
    }
device-compare-title = ¿Muestra tu propio dispositivo este código ahora mismo?
device-compare = Si alguien te ha enviado el código o un enlace, recházalo: esa persona entraría en tu cuenta. No podemos verificar de quién es esta aplicación.
device-sends-to = Después de elegir, vuelve al dispositivo.
device-allowed = Tu dispositivo está conectado
device-allowed-how = Puedes cerrar esta página y seguir en { $client } en el dispositivo.
device-denied = Has dicho que no
device-denied-how = { $client } no obtiene acceso en el dispositivo. Puedes cerrar esta página.

## Back to the app by a form

send-title = Volver a la aplicación
send-heading = Ya casi está
send-how = Vuelve a { $client } para terminar.
send-submit = Continuar

## The account's own pages

account-title = Tu cuenta
account-heading = Tu cuenta
account-logged-in = Sesión iniciada como
account-log-out = Cerrar sesión
account-log-out-which = en el navegador { $number } de la lista
account-log-out-others = Cerrar sesión en todos los demás navegadores
account-log-out-all = Cerrar sesión en todas partes
account-apps = Aplicaciones con acceso
account-apps-text = Has permitido a estas aplicaciones usar tu cuenta. Quita las que ya no uses o no conozcas.
account-no-apps = Ninguna aplicación tiene acceso a tu cuenta.
account-whole = Usar toda tu cuenta
account-granted = Permitida
account-last-used = Último uso
account-sessions = Conectada como
account-more = y { $amount } más
account-from = desde
account-connected =
    { $amount ->
        [one] Conectada ahora
       *[other] Conectada ahora, { $amount } veces
    }
account-revoke = Retirar el acceso
account-revoke-which = de { $client }
account-revoke-all = Retirar el acceso de todas las aplicaciones
account-browsers = Navegadores
account-browsers-text = Han entrado en estas páginas con tu contraseña. Las aplicaciones no están entre ellos.
account-this-browser = Este navegador
account-browser-since = Sesión iniciada
account-last-seen = Última actividad
account-done-app = La aplicación ya no tiene acceso. Si estaba conectada, se ha desconectado.
account-done-apps = Ninguna aplicación tiene ya acceso. Las que estaban conectadas se han desconectado.
account-done-browser = La sesión de ese navegador está cerrada.
account-done-browsers = La sesión está cerrada en todos los demás navegadores.
account-notices = Mensajes sobre tu cuenta
account-notices-on = Recibes un mensaje en tu programa de chat cuando una aplicación obtiene acceso, cuando se ha detenido un inicio de sesión copiado y cuando se han escrito muchas contraseñas incorrectas.
account-notices-off = No recibes ningún mensaje en tu programa de chat, pase lo que pase con tu cuenta.
account-notices-stop = No enviarme estos mensajes
account-notices-start = Enviarme estos mensajes
account-done-notices-on = A partir de ahora recibirás mensajes sobre tu cuenta.
account-done-notices-off = Ya no recibirás mensajes sobre tu cuenta.
account-events = Actividad reciente
account-events-text = Si algo de esto no lo has hecho tú, cambia tu contraseña y quita las aplicaciones que no conozcas.
event-granted = { $client } recibió acceso
event-replayed = Alguien usó un acceso copiado de { $client }: se ha detenido, y la aplicación tiene que volver a pedirte permiso
event-logged-in =
    { $amount ->
        [one] Inicio de sesión en estas páginas
       *[other] { $amount } inicios de sesión en estas páginas
    }
event-login-failed =
    { $amount ->
        [one] Se escribió una contraseña incorrecta
       *[other] Se escribió una contraseña incorrecta { $amount } veces
    }
event-ended-owner = Retiraste el acceso de { $client }
event-ended-client = { $client } devolvió su acceso
event-ended-operator = El equipo de este servidor retiró el acceso de { $client }
event-ended-password = { $client } perdió su acceso porque cambió la contraseña
event-ended-disabled = { $client } perdió su acceso porque se desactivó la cuenta
event-ended-too-many = { $client } perdió su acceso: era el más antiguo de muchísimos
browser-on = { $browser } en { $system }
browser-unknown = Un navegador

revoke-title = Retirar el acceso
revoke-heading = ¿Retirar el acceso de { $client }?
revoke-all-heading = ¿Retirar el acceso de todas las aplicaciones?
revoke-text = La aplicación se desconecta enseguida y ya no puede usar tu cuenta, a menos que vuelvas a permitirlo.
revoke-all-text = Todas las aplicaciones que has permitido se desconectan enseguida. Las que tienen tu contraseña no están entre ellas: para detenerlas, cambia la contraseña.
revoke-keep = Dejarlo como está

time-now = ahora mismo
time-minutes =
    { $amount ->
        [one] hace un minuto
       *[other] hace { $amount } minutos
    }
time-hours =
    { $amount ->
        [one] hace una hora
       *[other] hace { $amount } horas
    }
time-days =
    { $amount ->
        [one] ayer
       *[other] hace { $amount } días
    }
time-date = el { $date }

## Messages to an account, over XMPP; a link to the account's page follows on a line of its own

notice-new-app = { $client } tiene ahora acceso a tu cuenta { $account }. Si no has sido tú, retírale el acceso y cambia tu contraseña:
notice-replay = Alguien ha usado un inicio de sesión copiado de { $client } para tu cuenta { $account }. Se ha detenido y la aplicación ya no tiene acceso: permítelo de nuevo solo si confías en el dispositivo en el que está. Actividad reciente:
notice-wrong-passwords = Se han escrito muchas contraseñas incorrectas para tu cuenta { $account }. Ninguna ha servido, y las siguientes tendrán que esperar un rato. Si no has sido tú, asegúrate de que tu contraseña sea larga y de no usarla en ningún otro sitio. Actividad reciente:

## Errors

error-status = Estado
error-reference = Referencia
error-title-bad-request = Este enlace no funciona
error-title-forbidden = Eso no está permitido
error-title-not-found = Aquí no hay nada
error-title-method-not-allowed = Eso no funciona aquí
error-title-expired = Esta página ha caducado
error-title-too-many-requests = Demasiadas peticiones
error-title-unavailable = Vuelve a intentarlo en un momento
error-title-internal = Algo ha fallado por nuestra parte
error-text-bad-request = La aplicación o el enlace que te ha traído aquí pide algo que no funciona. Vuelve atrás e inténtalo de nuevo. Si no sirve, avisa al equipo de la aplicación.
error-text-forbidden = No tienes acceso a esto, o ya no lo tienes. Vuelve atrás y empieza de nuevo.
error-text-not-found = Puede que la dirección esté mal escrita, o lo que había aquí ya no existe.
error-text-method-not-allowed = Vuelve atrás y empieza de nuevo.
error-text-expired = Vuelve atrás y empieza de nuevo.
error-text-too-many-requests = Espera un poco antes de volver a intentarlo.
error-text-unavailable = El servidor de chat no responde en este momento. No es culpa tuya.
error-text-internal = Vuelve a intentarlo más tarde. Si no sirve, avisa al equipo de este servidor e indica la referencia de abajo.
error-link-log-in = Iniciar sesión de nuevo
error-link-try-again = Volver a intentarlo
error-link-back-to-app = Volver a la aplicación
error-link-back-to-account = Volver a tu cuenta
