%% XEP-0494: an account's owner sees which apps have access, and takes it back. The component knows what was granted;
%% sessions that were opened with a password are ours to add. Sessions with less than the whole account do not come
%% this far (mod_oauth_component_scope).
-module(mod_oauth_component_clients).

-export([start/1, stop/1, process_iq/1, decode_iq_subel/1, features/5]).

-include("xmpp.hrl").

-define(NS, <<"urn:xmpp:cam:0">>).
-define(NS_ACCOUNT_, <<"urn:xmpp-oauth:account:0">>).
-define(PASSWORD_SESSION, "password:"). % before the resource; no grant's id has a colon

start(Host) ->
    gen_iq_handler:add_iq_handler(ejabberd_sm, Host, ?NS, ?MODULE, process_iq),
    ok.

stop(Host) ->
    gen_iq_handler:remove_iq_handler(ejabberd_sm, Host, ?NS).

decode_iq_subel(Payload) -> Payload.

%% Hooks disco_local_features and disco_sm_features.
features(empty, From, To, Node, Lang) ->
    features({result, []}, From, To, Node, Lang);
features({result, Features}, #jid{luser = User, lserver = Host}, #jid{luser = Asked, lserver = Host}, <<>>, _)
  when Asked == <<>>; Asked == User ->
    {result, [?NS | Features]};
features(Other, _, _, _, _) ->
    Other.

%% Only what a session of the account's own asks.
process_iq(#iq{from = #jid{luser = User, lserver = Host, lresource = Resource},
               to = #jid{luser = User, lserver = Host}, type = Type, sub_els = [#xmlel{name = Name} = Request]} = IQ)
  when Resource =/= <<>> ->
    case {Type, Name} of
        {get, <<"list">>} ->
            pass_on(IQ, User, Host, get, Request);
        {set, <<"revoke">>} ->
            case password_session(fxml:get_tag_attr_s(<<"id">>, Request), User, Host) of
                true -> xmpp:make_error(IQ, password_reset_required());
                false -> pass_on(IQ, User, Host, set, Request)
            end;
        _ ->
            xmpp:make_error(IQ, xmpp:err_service_unavailable())
    end;
process_iq(IQ) ->
    xmpp:make_error(IQ, xmpp:err_forbidden()).

%% Whoever knows the password comes back.
password_reset_required() ->
    Error = xmpp:err_service_unavailable(<<"Change the password to end this access">>, <<"en">>),
    Error#stanza_error{sub_els = [mod_oauth_component_link:element(<<"password-reset-required">>,
                                                                   [{<<"xmlns">>, ?NS}], [])]}.

pass_on(IQ, User, Host, Type, Request) ->
    Question = mod_oauth_component_link:element(<<"client-access">>,
                                                [{<<"xmlns">>, ?NS_ACCOUNT_}, {<<"username">>, User}], [Request]),
    Timeout = gen_mod:get_module_opt(Host, mod_oauth_component, timeout),
    mod_oauth_component_link:ask_any(Host, Type, Question, Timeout,
                                     fun(Answer) -> ejabberd_router:route(reply(IQ, Answer, User, Host)) end),
    ignore.

reply(#iq{type = set} = IQ, #iq{type = result}, _, _) ->
    xmpp:make_iq_result(IQ);
reply(#iq{type = get} = IQ, #iq{type = result} = Answer, User, Host) ->
    Granted = case mod_oauth_component_link:child({<<"clients">>, ?NS}, Answer) of
                  #xmlel{children = Children} -> Children;
                  none -> []
              end,
    Clients = Granted ++ [client(Resource) || {Resource, _} <- password_sessions(User, Host)],
    xmpp:make_iq_result(IQ, mod_oauth_component_link:element(<<"clients">>, [{<<"xmlns">>, ?NS}], Clients));
reply(IQ, #iq{type = error} = Answer, _, _) ->
    xmpp:make_error(IQ, xmpp:get_error(Answer));
reply(IQ, _, _, _) ->
    xmpp:make_error(IQ, xmpp:err_remote_server_timeout()).

password_sessions(User, Host) ->
    [Session || {_, Info} = Session <- ejabberd_sm:get_user_info(User, Host),
                not mod_oauth_component_sessions:has_grant(Info)].

password_session(<<?PASSWORD_SESSION, Resource/binary>>, User, Host) ->
    lists:keymember(Resource, 1, password_sessions(User, Host));
password_session(_, _, _) ->
    false.

client(Resource) ->
    Element = fun mod_oauth_component_link:element/3,
    Element(<<"client">>, [{<<"id">>, <<?PASSWORD_SESSION, Resource/binary>>}, {<<"type">>, <<"session">>},
                           {<<"connected">>, <<"true">>}],
            [Element(<<"auth">>, [], [Element(<<"password">>, [], [])]),
             Element(<<"permission">>, [{<<"status">>, <<"unrestricted">>}], []),
             Element(<<"user-agent">>, [], [Element(<<"software">>, [], [{xmlcdata, Resource}])])]).
