# Arabic texts of the pages. See en.ftl for what holds in all of them.
# Buttons and headings are verbal nouns, and requests begin with “يرجى”, so that they fit everybody.
# Numbers decide between six forms (CLDR): zero, one, two, few (3 to 10), many (11 to 99) and other.

## Every page

footer-label = حول { $site }
footer-policy = سياسة الخصوصية
footer-terms = شروط الاستخدام
opens-in-new-tab = (يُفتح في علامة تبويب جديدة)
error-prefix = خطأ:
client-unnamed = تطبيق بلا اسم

## Log in

login-title = تسجيل الدخول
login-heading = تسجيل الدخول
login-to-continue = للمتابعة إلى { $client }
login-to-site = بحسابك على { $site }
login-username = عنوان الدردشة
login-username-hint-one = يكفي اسم المستخدم، دون { $host }.
login-username-hint-many = عنوانك الكامل، مثل { $example }.
login-password = كلمة المرور
login-submit = تسجيل الدخول
login-password-stays = لن يرى { $client } كلمة مرورك.
login-error-wrong-password = العنوان أو كلمة المرور غير صحيح. يرجى التحقق من كليهما ثم المحاولة مرة أخرى.
login-error-try-again = تعذّر علينا سؤال خادم الدردشة عن كلمة مرورك. قد تكون صحيحة: يرجى المحاولة مرة أخرى بعد لحظات.
login-error-too-many-minutes =
    { $amount ->
        [zero] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى الآن.
        [one] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد دقيقة واحدة.
        [two] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد دقيقتين.
        [few] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد { $amount } دقائق.
        [many] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد { $amount } دقيقة.
       *[other] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد { $amount } دقيقة.
    }
login-error-too-many-seconds =
    { $amount ->
        [zero] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى الآن.
        [one] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد ثانية واحدة.
        [two] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد ثانيتين.
        [few] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد { $amount } ثوانٍ.
        [many] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد { $amount } ثانية.
       *[other] جرت محاولات كثيرة جدًا. يرجى المحاولة مرة أخرى بعد { $amount } ثانية.
    }
login-error-expired = بقي هذا النموذج مفتوحًا مدة طويلة. يرجى تسجيل الدخول مرة أخرى.
login-error-other-account = يطلب التطبيق حسابًا غير الحساب المسجَّل دخوله هنا. يرجى تسجيل الدخول بالحساب المستخدَم في التطبيق.
login-error-missing-username = يرجى إدخال عنوانك.
login-error-missing-password = يرجى إدخال كلمة مرورك.
login-notice-again = يرجى إدخال كلمة مرورك مرة أخرى، للتأكد من هويتك.
login-notice-logged-out = تم تسجيل الخروج.

## Consent

consent-title = السماح بالوصول
consent-heading = يطلب { $client } استخدام حسابك
consent-account = حسابك
consent-switch = حساب آخر
consent-can = سيتمكن التطبيق من
consent-choose = يمكنك إزالة العلامة عمّا لا ترغب في السماح به.
consent-nothing-chosen = يرجى ترك علامة واحدة على الأقل، أو اختيار «رفض».
consent-take-back = يمكنك التراجع عن ذلك في أي وقت، من صفحة حسابك هنا.
consent-cannot = لن يتمكن التطبيق من
consent-unverified-title = لا يمكننا التحقق من صانع هذا التطبيق
consent-unverified = تختار التطبيقات أسماءها وروابطها بنفسها. لا ينبغي المتابعة إلا إذا كان هذا الطلب قد بدأ منك شخصيًا قبل لحظات.
consent-sends-to-host = بعد الاختيار ستكون العودة إلى { $host }.
consent-sends-to-device = بعد الاختيار ستكون العودة إلى التطبيق على هذا الجهاز.
consent-sends-to-code = بعد السماح يظهر لك رمز لنسخه إلى التطبيق.
consent-allow = سماح
consent-deny = رفض
consent-client-policy = سياسة الخصوصية لدى { $client }
consent-client-terms = شروط الاستخدام لدى { $client }

scope-openid-title = معرفة هويتك
scope-openid-text = عنوان الدردشة الخاص بك.
scope-profile-title = الاطلاع على ملفك الشخصي
scope-profile-text = اسم المستخدم والاسم الذي يظهر للآخرين.
scope-offline-access-title = البقاء متصلًا بحسابك
scope-offline-access-text = الاحتفاظ بالوصول في غيابك، إلى أن يُلغى من طرفك.
scope-xmpp-title = هذا يمنح الوصول إلى حسابك كله
scope-xmpp-text = يستطيع التطبيق عندها كل ما تتيحه كلمة مرورك: قراءة جميع الرسائل وإرسالها، وتغيير كلمة المرور، وحتى حذف الحساب. لا ينبغي السماح بذلك إلا عند الثقة التامة به.
scope-xmpp-client-normal-title = الدردشة باسمك
scope-xmpp-client-normal-text = قراءة رسائلك وإرسالها، والاطلاع على سجل رسائلك، وإدارة جهات اتصالك وملفك الشخصي.
scope-xmpp-account-read-title = قراءة بيانات حسابك
scope-xmpp-account-read-text = جهات الاتصال والملف الشخصي والبيانات التي تحفظها تطبيقاتك الأخرى على الخادم. دون الرسائل.
scope-xmpp-account-write-title = تغيير بيانات حسابك
scope-xmpp-account-write-text = جهات الاتصال والملف الشخصي والبيانات التي تحفظها تطبيقاتك الأخرى على الخادم. دون الرسائل.
scope-other-title = استخدام «{ $scope }»
scope-other-text = إذن يقدمه هذا الخادم بهذا الاسم.
scope-service-text = لدى «{ $service }»، وهي خدمة أخرى لهذا الخادم. ستعرف الخدمة والتطبيق عنوان محادثتك.

cannot-see-password = رؤية كلمة مرورك
cannot-log-in = الدخول إلى حساب الدردشة الخاص بك
cannot-read-messages = قراءة الرسائل أو إرسالها، أو فتح سجل رسائلك
cannot-change-data = تغيير جهات اتصالك أو ملفك الشخصي أو بيانات أخرى
cannot-change-password = تغيير كلمة مرورك أو حذف حسابك
cannot-manage = إدارة تطبيقاتك الأخرى أو الخادم

## Log out

logout-title = تسجيل الخروج
logout-heading = تسجيل الخروج؟
logout-asked-by = يطلب { $client } تسجيل خروجك من { $site }.
logout-asked-by-host = يطلب { $client } ({ $host }) تسجيل خروجك من { $site }.
logout-asked = يطلب أحد التطبيقات تسجيل خروجك من { $site }.
logout-fault-title = هناك خطأ في طلب التطبيق
logout-fault = يمكنك تسجيل الخروج على أي حال، لكن دون العودة إلى التطبيق.
logout-ends-title = تسجيل الخروج في هذا المتصفح
logout-ends-text = التطبيق التالي الذي يطلب حسابك سيطلب كلمة مرورك أيضًا.
logout-keeps-title = تبقى تطبيقاتك كما هي
logout-keeps-text = تحتفظ التطبيقات المسموح لها بوصولها، وتبقى تطبيقات الدردشة متصلة، إلى أن يُلغى السماح من طرفك.
logout-submit = تسجيل الخروج
logout-stay = للبقاء في الحساب، يكفي إغلاق هذه الصفحة.
logged-out-title = تم تسجيل الخروج
logged-out-text = لم يعد أي حساب على { $site } مفتوحًا في هذا المتصفح.
logged-out-back-host = الانتقال إلى { $host }

## A code to copy

code-title = رمزك
code-heading = أوشكنا على الانتهاء
code-how = يرجى نسخ هذا الرمز إلى { $client }.
code-label = الرمز
code-keys = بلوحة المفاتيح: يحدد زر Tab الرمز، ثم يمكن نسخه.
code-warning = لا ينبغي إعطاء هذا الرمز لأحد. فمن يحصل عليه يمكنه إتمام دخول { $client } إلى حسابك.

## Connect a device

device-title = ربط جهاز
device-heading = ربط جهاز
device-how = يرجى إدخال الرمز الظاهر على جهازك.
device-code = الرمز
device-code-hint = ثمانية أحرف. تُقبل الأحرف الصغيرة أيضًا، وكذلك دون شرطة.
device-continue = متابعة
device-error-unknown = لا يوجد جهاز ينتظر بهذا الرمز. يرجى التحقق من الأحرف؛ وإن طال انتظار الجهاز فيلزم إظهار رمز جديد عليه.
device-asked-from = مصدر الطلب
device-asked = وقت الطلب
device-minutes =
    { $amount ->
        [0] الآن
        [zero] الآن
        [one] قبل دقيقة واحدة
        [two] قبل دقيقتين
        [few] قبل { $amount } دقائق
        [many] قبل { $amount } دقيقة
       *[other] قبل { $amount } دقيقة
    }
device-compare-title = هل يُظهر جهازك أنت هذا الرمز الآن؟
device-compare = إن كان شخص ما قد أرسل إليك الرمز أو رابطًا فيجب الرفض: وإلا دخل ذلك الشخص إلى حسابك. لا يمكننا التحقق من صانع هذا التطبيق.
device-sends-to = بعد الاختيار تكون العودة إلى الجهاز.
device-allowed = تم ربط جهازك
device-allowed-how = يمكنك إغلاق هذه الصفحة والمتابعة في { $client } على الجهاز.
device-denied = تم الرفض
device-denied-how = لن يحصل { $client } على الجهاز على أي وصول. يمكنك إغلاق هذه الصفحة.

## Back to the app by a form

send-title = العودة إلى التطبيق
send-heading = أوشكنا على الانتهاء
send-how = بقيت العودة إلى { $client } لإتمام الأمر.
send-submit = متابعة

## The account's own pages

account-title = حسابك
account-heading = حسابك
account-logged-in = الحساب المستخدم
account-log-out = تسجيل الخروج
account-log-out-which = في المتصفح { $number } من القائمة
account-log-out-others = تسجيل الخروج في المتصفحات الأخرى كلها
account-log-out-all = تسجيل الخروج في كل مكان
account-apps = تطبيقات لها حق الوصول
account-apps-text = سُمح لهذه التطبيقات من طرفك باستخدام حسابك. يُستحسن إزالة ما لم يعد مستخدمًا أو معروفًا لك منها.
account-no-apps = لا يملك أي تطبيق حق الوصول إلى حسابك.
account-whole = استخدام حسابك كله
account-granted = وقت السماح
account-last-used = آخر استخدام
account-sessions = الاتصالات
account-more =
    { $amount ->
        [zero] دون غيرها
        [one] وواحد آخر
        [two] واثنان آخران
        [few] و{ $amount } أخرى
        [many] و{ $amount } أخرى
       *[other] و{ $amount } أخرى
    }
account-from = من
account-connected =
    { $amount ->
        [zero] غير متصل الآن
        [one] متصل الآن
        [two] متصل الآن مرتين
        [few] متصل الآن { $amount } مرات
        [many] متصل الآن { $amount } مرة
       *[other] متصل الآن { $amount } مرة
    }
account-revoke = إلغاء الوصول
account-revoke-which = الممنوح للتطبيق { $client }
account-revoke-all = إلغاء وصول جميع التطبيقات
account-browsers = المتصفحات
account-browsers-text = متصفحات دخلت إلى هذه الصفحات بكلمة مرورك. لا تشمل التطبيقات.
account-this-browser = هذا المتصفح
account-browser-since = وقت الدخول
account-last-seen = آخر ظهور
account-done-app = لم يعد للتطبيق حق الوصول. وحيثما كان متصلًا فقد قُطع اتصاله.
account-done-apps = لم يعد لأي تطبيق حق الوصول. وما كان منها متصلًا فقد قُطع اتصاله.
account-done-browser = تم تسجيل خروج المتصفح.
account-done-browsers = تم تسجيل خروج جميع المتصفحات الأخرى.
account-notices = رسائل عن حسابك
account-notices-on = تصلك رسالة في برنامج الدردشة عند منح تطبيق حق الوصول، وعند إيقاف تسجيل دخول منسوخ، وعند إدخال كلمات مرور خاطئة كثيرة.
account-notices-off = لا تصلك أي رسالة في برنامج الدردشة مهما حدث لحسابك.
account-notices-stop = عدم إرسال هذه الرسائل إليّ
account-notices-start = إرسال هذه الرسائل إليّ
account-done-notices-on = ستصلك من الآن رسائل عن حسابك.
account-done-notices-off = لن تصلك بعد الآن رسائل عن حسابك.
account-events = ما حدث مؤخرًا
account-events-text = إن كان شيء من هذا لم يصدر عنك، فيجب تغيير كلمة مرورك وإزالة التطبيقات غير المعروفة لك.
event-granted = مُنح { $client } حق الوصول
event-replayed = استُخدمت نسخة منقولة من دخول { $client }: أُوقفت، وعلى التطبيق أن يطلب إذنك من جديد
event-logged-in =
    { $amount ->
        [zero] لا دخول إلى هذه الصفحات
        [one] دخول واحد إلى هذه الصفحات
        [two] دخولان إلى هذه الصفحات
        [few] الدخول { $amount } مرات إلى هذه الصفحات
        [many] الدخول { $amount } مرة إلى هذه الصفحات
       *[other] الدخول { $amount } مرة إلى هذه الصفحات
    }
event-login-failed =
    { $amount ->
        [zero] لم تُدخل كلمة مرور خاطئة
        [one] أُدخلت كلمة مرور خاطئة
        [two] أُدخلت كلمة مرور خاطئة مرتين
        [few] أُدخلت كلمة مرور خاطئة { $amount } مرات
        [many] أُدخلت كلمة مرور خاطئة { $amount } مرة
       *[other] أُدخلت كلمة مرور خاطئة { $amount } مرة
    }
event-ended-owner = أُلغي من طرفك وصول { $client }
event-ended-client = أعاد { $client } حق الوصول
event-ended-operator = ألغى القائمون على هذا الخادم وصول { $client }
event-ended-password = فقد { $client } حق الوصول لأن كلمة المرور تغيّرت
event-ended-disabled = فقد { $client } حق الوصول لأن الحساب عُطّل
event-ended-too-many = فقد { $client } حق الوصول: كان الأقدم بين عدد كبير جدًا
browser-on = { $browser } على { $system }
browser-unknown = متصفح

revoke-title = إلغاء الوصول
revoke-heading = إلغاء وصول { $client }؟
revoke-all-heading = إلغاء وصول جميع التطبيقات؟
revoke-text = يُقطع اتصال التطبيق فورًا ولا يمكنه استخدام حسابك بعد ذلك، إلا إذا سُمح له من جديد.
revoke-all-text = يُقطع فورًا اتصال جميع التطبيقات المسموح لها. ولا يشمل ذلك التطبيقات التي لديها كلمة مرورك: لإيقافها يلزم تغيير كلمة المرور.
revoke-keep = إبقاء الحال كما هي

time-now = الآن
time-minutes =
    { $amount ->
        [zero] الآن
        [one] قبل دقيقة واحدة
        [two] قبل دقيقتين
        [few] قبل { $amount } دقائق
        [many] قبل { $amount } دقيقة
       *[other] قبل { $amount } دقيقة
    }
time-hours =
    { $amount ->
        [zero] الآن
        [one] قبل ساعة واحدة
        [two] قبل ساعتين
        [few] قبل { $amount } ساعات
        [many] قبل { $amount } ساعة
       *[other] قبل { $amount } ساعة
    }
time-days =
    { $amount ->
        [zero] اليوم
        [one] أمس
        [two] قبل يومين
        [few] قبل { $amount } أيام
        [many] قبل { $amount } يومًا
       *[other] قبل { $amount } يوم
    }
time-date = في { $date }

## Messages to an account, over XMPP; a link to the account's page follows on a line of its own

notice-new-app = أصبح لدى { $client } حق الوصول إلى حسابك { $account }. إن لم يصدر ذلك عنك، فيجب إلغاء وصوله وتغيير كلمة مرورك:
notice-replay = استُخدم تسجيل دخول منسوخ من { $client } لحسابك { $account }. وقد تم إيقافه، ولم يعد للتطبيق حق الوصول: يرجى عدم السماح له مجددًا إلا عند الثقة بالجهاز الذي يعمل عليه. ما حدث مؤخرًا:
notice-wrong-passwords = أُدخلت كلمات مرور خاطئة كثيرة لحسابك { $account }. لم تُقبل أي منها، وعلى ما يليها الانتظار فترة. إن لم يصدر ذلك عنك، فيجب أن تكون كلمة مرورك طويلة وألا تُستخدم في أي مكان آخر. ما حدث مؤخرًا:

## Errors

error-status = الحالة
error-reference = المرجع
error-title-bad-request = هذا الرابط لا يعمل
error-title-forbidden = هذا غير مسموح به
error-title-not-found = لا يوجد شيء هنا
error-title-method-not-allowed = هذا لا يعمل هنا
error-title-expired = انتهت صلاحية هذه الصفحة
error-title-too-many-requests = طلبات كثيرة جدًا
error-title-unavailable = يرجى المحاولة مرة أخرى بعد لحظات
error-title-internal = حدث خطأ من جهتنا
error-text-bad-request = طلب التطبيق أو الرابط الذي أوصلك إلى هنا شيئًا لا يعمل. يرجى الرجوع والمحاولة مرة أخرى. وإن لم ينفع ذلك فيرجى إبلاغ صانعي التطبيق.
error-text-forbidden = هذا غير متاح لك، أو لم يعد متاحًا. يرجى الرجوع والبدء من جديد.
error-text-not-found = ربما كُتب العنوان خطأً، أو أن ما كان هنا لم يعد موجودًا.
error-text-method-not-allowed = يرجى الرجوع والبدء من جديد.
error-text-expired = يرجى الرجوع والبدء من جديد.
error-text-too-many-requests = يرجى الانتظار قليلًا قبل المحاولة مرة أخرى.
error-text-unavailable = خادم الدردشة لا يجيب في هذه اللحظة. الخطأ ليس منك.
error-text-internal = يرجى المحاولة لاحقًا. وإن لم ينفع ذلك فيرجى إبلاغ القائمين على هذا الخادم مع ذكر المرجع أدناه.
error-link-log-in = تسجيل الدخول مرة أخرى
error-link-try-again = المحاولة مرة أخرى
error-link-back-to-app = العودة إلى التطبيق
error-link-back-to-account = العودة إلى حسابك
