%% SASL OAUTHBEARER (RFC 7628) on client streams of a stock ejabberd.
%%
%% ejabberd has no way to add a mechanism. But the state of a stream names its callback module under `mod`, and
%% hook c2s_stream_started may change the state: until a stream has authenticated, it gets ?WRAPPER there, which
%% passes everything on to ejabberd_c2s except the callbacks in overridden/0. Then it is ejabberd_c2s again, so
%% that sessions do not notice when this module goes.
%%
%%   1. handle_recv/3 sees an element before the SASL code does. What belongs to an OAUTHBEARER exchange goes to
%%      the component, and is kept from ejabberd by a throw: p1_server takes a thrown reply for the returned one.
%%   2. The component's answer comes as a message; the stream never blocks.
%%   3. On success ejabberd gets the client's element again, changed to PLAIN with a password that is good for this
%%      one time. So SASL, SASL2, Bind 2, resumption, hooks and logs stay its own.
-module(mod_oauth_component_sasl).

-export([prepare/0, stream_started/2, give_up_waiting/1]).
-export([sasl_mechanisms/2, check_password_fun/2, handle_recv/3, handle_info/2, handle_auth_success/4,
         handle_auth_failure/4]).

-include("xmpp.hrl").
-include("logger.hrl").

-define(WRAPPER, mod_oauth_component_c2s).
-define(OAUTHBEARER, <<"OAUTHBEARER">>).
-define(CARRIER, <<"PLAIN">>).
-define(NS, <<"urn:xmpp-oauth:sasl:0">>).
-define(NS_SASL1, <<"urn:ietf:params:xml:ns:xmpp-sasl">>).
-define(NS_SASL2_, <<"urn:xmpp:sasl:2">>).
-define(MAX_MESSAGE, 16384). % base64
%% The caps leave memory alone when the component hangs; while it answers they are not reached.
-define(MAX_WAITING, 4000).
-define(MAX_WAITING_PER_ADDRESS, 1000).

%% The exchange, under ?EXCHANGE in the stream's state. Never the token.
%%   step: asked      for the missing initial response
%%         checking   by the component, under `ref`
%%         refused    the client has the JSON and owes us a last response
%%         accepted   `user` logs in with `nonce`, with the rights of `login`
-define(EXCHANGE, oauth_component_exchange).

%% The wrapper ----------------------------------------------------------------------------------------------------

overridden() ->
    [{sasl_mechanisms, 2}, {check_password_fun, 2}, {handle_recv, 3}, {handle_info, 2},
     {handle_auth_success, 4}, {handle_auth_failure, 4}].

%% Makes the wrapper, if this is an ejabberd that we know.
prepare() ->
    {module, ejabberd_c2s} = code:ensure_loaded(ejabberd_c2s),
    Exports = ejabberd_c2s:module_info(exports) -- [{module_info, 0}, {module_info, 1}],
    Missing = (overridden() -- Exports) ++ missing_elsewhere(),
    case {Missing, code:is_loaded(?WRAPPER)} of
        {[_ | _], _} -> {error, lists:join(", ", [io_lib:format("~ts/~b", [F, A]) || {F, A} <- Missing])};
        {[], {file, _}} -> ok;
        {[], false} ->
            {ok, ?WRAPPER, Code} = compile:forms(wrapper(Exports)),
            {module, ?WRAPPER} = code:load_binary(?WRAPPER, "made by mod_oauth_component", Code),
            ok
    end.

missing_elsewhere() ->
    [{Function, Arity} || {Module, Function, Arity} <- [{xmpp_stream_in, handle_info, 2}, {xmpp_stream_in, send, 2},
                                                        {ejabberd_router, route_iq, 4},
                                                        {ejabberd_sm, set_user_info, 5}],
                          code:ensure_loaded(Module) =/= {module, Module}
                              orelse not erlang:function_exported(Module, Function, Arity)].

wrapper(Exports) ->
    [{attribute, 1, module, ?WRAPPER}, {attribute, 1, export, Exports}]
        ++ [passes_on(Export) || Export <- Exports] ++ [{eof, 1}].

passes_on({Function, Arity} = Export) ->
    Module = case lists:member(Export, overridden()) of true -> ?MODULE; false -> ejabberd_c2s end,
    Arguments = [{var, 1, list_to_atom("A" ++ integer_to_list(N))} || N <- lists:seq(1, Arity)],
    Call = {call, 1, {remote, 1, {atom, 1, Module}, {atom, 1, Function}}, Arguments},
    {function, 1, Function, Arity, [{clause, 1, Arguments, [], [Call]}]}.

%% Hook c2s_stream_started.
stream_started(#{mod := ejabberd_c2s, stream_authenticated := false} = State, _) -> State#{mod => ?WRAPPER};
stream_started(State, _) -> State.

%% What it overrides ----------------------------------------------------------------------------------------------

sasl_mechanisms(Mechanisms, State) ->
    More = case State of
               #{?EXCHANGE := #{step := accepted}} -> [?CARRIER];
               _ -> [?OAUTHBEARER || is_offered(State)]
           end,
    case ejabberd_c2s:sasl_mechanisms(Mechanisms, State) of
        Own when is_list(Own) -> Own ++ (More -- Own);
        Own when is_tuple(Own) -> list_to_tuple([Part ++ (More -- Part) || Part <- tuple_to_list(Own)])
    end.

%% Not on a stream where anyone on the way could take the token. HTTP's encryption is not seen from here.
is_offered(#{lserver := Host, stream_encrypted := IsEncrypted} = State) ->
    mod_oauth_component_link:is_active(Host)
        andalso not lists:member(?OAUTHBEARER, ejabberd_option:disable_sasl_mechanisms(Host))
        andalso (IsEncrypted orelse is_over_http(State)
                 orelse gen_mod:get_module_opt(Host, mod_oauth_component, allow_unencrypted)).

is_over_http(State) ->
    lists:member(xmpp_stream_in:get_transport(State), [websocket, http_bind]).

check_password_fun(?CARRIER, #{?EXCHANGE := #{step := accepted, user := User, nonce := Nonce}}) ->
    fun(Claimed, AuthzId, Password) ->
            {Claimed == User andalso (AuthzId == User orelse AuthzId == <<>>) andalso Password == Nonce, ?MODULE}
    end;
%% Whatever the mechanism: the authzid is the account that logs in, or nothing (RFC 6120 section 6.3.8).
check_password_fun(Mechanism, State) ->
    Check = ejabberd_c2s:check_password_fun(Mechanism, State),
    fun(User, AuthzId, Password) ->
            case AuthzId == <<>> orelse jid:nodeprep(AuthzId) == jid:nodeprep(User) of
                true -> Check(User, AuthzId, Password);
                false -> {false, ?MODULE}
            end
    end.

handle_auth_success(User, _, AuthModule, #{?EXCHANGE := #{step := accepted, login := Login}} = State) ->
    ejabberd_c2s:handle_auth_success(User, ?OAUTHBEARER, AuthModule,
                                     (forget(State))#{mod => ejabberd_c2s, sasl_mech => ?OAUTHBEARER,
                                                      oauth_component => Login});
handle_auth_success(User, Mechanism, AuthModule, State) ->
    ejabberd_c2s:handle_auth_success(User, Mechanism, AuthModule, (forget(State))#{mod => ejabberd_c2s}).

%% After all, as when the `from` of a SASL2 stream names somebody else.
handle_auth_failure(User, _, Reason, #{?EXCHANGE := #{step := accepted}} = State) ->
    ejabberd_c2s:handle_auth_failure(User, ?OAUTHBEARER, Reason, (forget(State))#{sasl_mech => ?OAUTHBEARER});
handle_auth_failure(User, Mechanism, Reason, State) ->
    ejabberd_c2s:handle_auth_failure(User, Mechanism, Reason, State).

forget(State) -> maps:remove(?EXCHANGE, State).

handle_recv(Element, Packet, State) ->
    case ejabberd_c2s:handle_recv(Element, Packet, State) of
        #{stream_state := disconnected} = Gone -> Gone;
        State1 -> received(Element, Packet, State1)
    end.

handle_info({?MODULE, Ref, Answer}, #{?EXCHANGE := #{step := checking, ref := Ref}} = State) ->
    answered(Answer, State);
handle_info({?MODULE, _, _}, State) ->
    State; % of an exchange that is over
handle_info(Info, State) ->
    ejabberd_c2s:handle_info(Info, State).

%% The exchange ---------------------------------------------------------------------------------------------------

received(_, _, #{?EXCHANGE := #{step := accepted}} = State) ->
    State;
received(_, _, #{?EXCHANGE := #{step := checking}} = State) ->
    keep(xmpp_stream_in:send(State, xmpp:serr_policy_violation(<<"The login is still being checked">>, <<"en">>)));
received(#xmlel{name = Name} = Element, _, #{?EXCHANGE := #{ns := Namespace, step := Step}} = State) ->
    case {fxml:get_tag_attr_s(<<"xmlns">>, Element), Name, Step} of
        {Namespace, <<"response">>, asked} -> check(fxml:get_tag_cdata(Element), State);
        {Namespace, <<"response">>, refused} -> refuse(State); % RFC 7628 §3.2.3: whatever it is
        {Namespace, <<"abort">>, refused} -> refuse(State);
        {Namespace, <<"abort">>, asked} -> keep(fail(<<"aborted">>, State));
        _ -> begun(Element, forget(State))
    end;
received(#xmlel{} = Element, _, State) ->
    begun(Element, State);
received(_, _, State) ->
    State.

begun(#xmlel{name = Name} = Element, #{stream_state := StreamState} = State) ->
    case {Name, fxml:get_tag_attr_s(<<"xmlns">>, Element), StreamState} of
        {<<"auth">>, ?NS_SASL1, _} when StreamState == wait_for_sasl_request; StreamState == wait_for_sasl_response ->
            begin_exchange(?NS_SASL1, Element, fxml:get_tag_cdata(Element), State);
        {<<"authenticate">>, ?NS_SASL2_, wait_for_sasl_request} when is_map_key(sasl2_stream_from, State) ->
            Message = fxml:get_path_s(Element, [{elem, <<"initial-response">>}, cdata]),
            begin_exchange(?NS_SASL2_, Element, Message, State);
        _ -> State
    end.

begin_exchange(Namespace, Element, Message, State) ->
    case fxml:get_tag_attr_s(<<"mechanism">>, Element) == ?OAUTHBEARER andalso may_begin(Namespace, State) of
        true ->
            %% A mechanism that had begun on this stream is over.
            Fresh = maps:remove(sasl_state, State#{stream_state => wait_for_sasl_request}),
            Exchange = #{ns => Namespace, element => without_message(Namespace, Element)},
            case Message of
                <<>> -> keep(challenge(<<>>, Fresh#{?EXCHANGE => Exchange#{step => asked}}));
                _ -> check(Message, Fresh#{?EXCHANGE => Exchange#{step => asked}})
            end;
        false -> State % and to ejabberd, which refuses what it does not know
    end.

may_begin(?NS_SASL2_, #{stream_encrypted := IsEncrypted} = State) ->
    (IsEncrypted orelse maps:get(allow_unencrypted_sasl2, State, false)) andalso is_offered(State);
may_begin(_, State) ->
    is_offered(State).

%% Of a SASL2 request we keep what says who the client is, and what binds and resumes. The rest would reach beyond
%% the grant: a FAST token (XEP-0484) outlives it, an upgrade (XEP-0480) stores another password.
without_message(?NS_SASL1, Element) ->
    Element#xmlel{children = []};
without_message(?NS_SASL2_, #xmlel{children = Children} = Element) ->
    Element#xmlel{children = [Child || #xmlel{name = Name} = Child <- Children,
                                       lists:member({Name, fxml:get_tag_attr_s(<<"xmlns">>, Child)},
                                                    [{<<"user-agent">>, <<>>},
                                                     {<<"user-agent">>, ?NS_SASL2_},
                                                     {<<"bind">>, <<"urn:xmpp:bind:0">>},
                                                     {<<"resume">>, <<"urn:xmpp:sm:3">>}])]}.

%% Asks the component about the client's message.
check(Base64, State) ->
    case decode(Base64) of
        {ok, Message} -> ask(Base64, State, is_discovery(Message));
        error -> keep(fail(<<"malformed-request">>, State))
    end.

decode(<<"=">>) -> {ok, <<>>}; % RFC 6120 §6.4.2
decode(Base64) when byte_size(Base64) =< ?MAX_MESSAGE ->
    try {ok, base64:decode(Base64)} catch _:_ -> error end;
decode(_) -> error.

ask(Base64, #{?EXCHANGE := Exchange, lserver := Host, ip := {IP, _}} = State, Discovers) ->
    Ref = make_ref(),
    case wait_in_line(Host, Ref, IP) of
        true ->
            Question = mod_oauth_component_link:element(
                         <<"authenticate">>,
                         [{<<"xmlns">>, ?NS}, {<<"mechanism">>, ?OAUTHBEARER}, {<<"ip">>, address(IP)}],
                         [{xmlcdata, case Base64 of <<>> -> <<"=">>; _ -> Base64 end}]),
            Timeout = gen_mod:get_module_opt(Host, mod_oauth_component, timeout),
            mod_oauth_component_link:ask_any(Host, set, Question, Timeout,
                                             fun(Answer) -> done_waiting(Host, Ref, Answer) end),
            keep(State#{?EXCHANGE => Exchange#{step => checking, ref => Ref, discovers => Discovers}});
        false ->
            ?INFO_MSG("Too many OAUTHBEARER logins of ~ts are waiting to be checked", [Host]),
            keep(fail(<<"temporary-auth-failure">>, State))
    end.

%% XEP-0493: an empty token asks who the provider is. No login has failed then.
is_discovery(Message) ->
    Message == <<>> orelse re:run(Message, "\\x01auth=bearer *\\x01", [caseless]) =/= nomatch.

answered(Answer, #{?EXCHANGE := Exchange} = State) ->
    case {mod_oauth_component_link:child({<<"success">>, ?NS}, Answer),
          mod_oauth_component_link:child({<<"challenge">>, ?NS}, Answer), Answer} of
        {#xmlel{} = Success, _, _} ->
            accept(Success, xmpp:get_from(Answer), State);
        {_, #xmlel{} = Challenge, _} ->
            keep(challenge(fxml:get_tag_cdata(Challenge), State#{?EXCHANGE => Exchange#{step => refused}}));
        _ ->
            keep(fail(condition(mod_oauth_component_link:error_text(Answer)), State))
    end.

condition({'bad-request', _}) -> <<"malformed-request">>;
condition(_) -> <<"temporary-auth-failure">>.

accept(Success, Component, #{lserver := Host} = State) ->
    Grant = fxml:get_tag_attr_s(<<"grant">>, Success),
    Rights = mod_oauth_component_scope:rights(fxml:get_tag_attr_s(<<"scope">>, Success)),
    case {account(fxml:get_tag_attr_s(<<"jid">>, Success), Host), is_grant(Grant), Rights} of
        {{ok, User}, true, Rights} when Rights =/= none ->
            case mod_oauth_component_accounts:status(User, Host) of
                good ->
                    mod_oauth_component_accounts:remember(User, Host),
                    log_in(User, #{grant => Grant, rights => Rights}, State);
                disabled -> keep(fail(<<"account-disabled">>, counted(State)));
                missing -> refuse(State);
                unknown -> keep(fail(<<"temporary-auth-failure">>, State))
            end;
        _ ->
            ?ERROR_MSG("~ts gave no account of ~ts with a grant and a scope that this module enforces",
                       [jid:encode(Component), Host]),
            refuse(State)
    end.

account(JID, Host) ->
    try jid:decode(JID) of
        #jid{luser = User, lserver = Host, lresource = <<>>} when User =/= <<>> -> {ok, User};
        _ -> error
    catch _:_ -> error
    end.

is_grant(Grant) ->
    byte_size(Grant) =< 64 andalso re:run(Grant, "^[A-Za-z0-9_-]+$", [dollar_endonly]) =/= nomatch.

log_in(User, Login, #{?EXCHANGE := #{ns := Namespace, element := #xmlel{attrs = Attributes} = Element} = Exchange}
       = State) ->
    Nonce = base64:encode(crypto:strong_rand_bytes(24)),
    Message = {xmlcdata, base64:encode(<<0, User/binary, 0, Nonce/binary>>)},
    Plain = Element#xmlel{attrs = lists:keystore(<<"mechanism">>, 1, Attributes, {<<"mechanism">>, ?CARRIER}),
                          children = carried(Namespace, Message, Login, Element)},
    Accepted = State#{?EXCHANGE => Exchange#{step => accepted, user => User, nonce => Nonce, login => Login}},
    throw(xmpp_stream_in:handle_info({'$gen_event', {xmlstreamelement, Plain}}, Accepted)).

carried(?NS_SASL1, Message, _, _) -> [Message];
carried(?NS_SASL2_, Message, #{rights := Rights}, #xmlel{children = Children}) ->
    MayResume = not mod_oauth_component_scope:is_data_only(Rights),
    [mod_oauth_component_link:element(<<"initial-response">>, [], [Message])
     | [Child || #xmlel{name = Name} = Child <- Children, MayResume orelse Name =/= <<"resume">>]].

refuse(#{?EXCHANGE := #{discovers := true}} = State) -> keep(fail(<<"not-authorized">>, State));
refuse(State) -> keep(fail(<<"not-authorized">>, counted(State))).

%% As a failed login, for the log and for mod_fail2ban, which may close the stream.
counted(#{?EXCHANGE := Exchange} = State) ->
    Failed = ejabberd_c2s:handle_auth_failure(<<>>, ?OAUTHBEARER, <<"The token was refused">>,
                                              State#{sasl_mech => ?OAUTHBEARER}),
    (maps:remove(sasl_mech, Failed))#{?EXCHANGE => Exchange}.

fail(_, #{stream_state := disconnected} = State) ->
    State;
fail(Condition, #{?EXCHANGE := #{ns := Namespace}} = State) ->
    Reason = mod_oauth_component_link:element(Condition, [{<<"xmlns">>, ?NS_SASL1}], []),
    xmpp_stream_in:send(forget(State), mod_oauth_component_link:element(<<"failure">>, [{<<"xmlns">>, Namespace}],
                                                                        [Reason])).

challenge(Base64, #{?EXCHANGE := #{ns := Namespace}} = State) ->
    xmpp_stream_in:send(State, mod_oauth_component_link:element(<<"challenge">>, [{<<"xmlns">>, Namespace}],
                                                                [{xmlcdata, Base64} || Base64 =/= <<>>])).

%% Returns `State` to p1_server past the code of ejabberd that would go on with the element.
keep(#{stream_timeout := infinity} = State) ->
    throw({noreply, State, infinity});
keep(#{stream_timeout := {Milliseconds, Since}} = State) ->
    throw({noreply, State, max(0, Milliseconds - erlang:monotonic_time(millisecond) + Since)}).

%% Waiting --------------------------------------------------------------------------------------------------------
%% In the host's table: {{waiting, Ref}, Pid, Key}, {{address, Key}, N} and {waiting, N}.

wait_in_line(Host, Ref, IP) ->
    Table = mod_oauth_component_link:table(Host),
    Key = address_key(IP),
    OfAll = ets:update_counter(Table, waiting, 1, {waiting, 0}),
    OfAddress = ets:update_counter(Table, {address, Key}, 1, {{address, Key}, 0}),
    ets:insert(Table, {{waiting, Ref}, self(), Key}),
    case OfAll =< ?MAX_WAITING andalso OfAddress =< ?MAX_WAITING_PER_ADDRESS of
        true -> true;
        false ->
            _ = leave_line(Table, Ref),
            false
    end.

leave_line(Table, Ref) ->
    try ets:take(Table, {waiting, Ref}) of
        [{_, Pid, Key}] ->
            ets:update_counter(Table, waiting, -1),
            ets:update_counter(Table, {address, Key}, -1),
            ets:delete_object(Table, {{address, Key}, 0}),
            Pid;
        [] -> none
    catch error:badarg -> none % the module is gone
    end.

%% Whether the stream still lives or not.
done_waiting(Host, Ref, Answer) ->
    case leave_line(mod_oauth_component_link:table(Host), Ref) of
        none -> ok;
        Pid -> Pid ! {?MODULE, Ref, Answer}
    end.

%% When nobody is there to answer any more.
give_up_waiting(Host) ->
    Waiting = ets:match(mod_oauth_component_link:table(Host), {{waiting, '$1'}, '_', '_'}),
    lists:foreach(fun([Ref]) -> done_waiting(Host, Ref, timeout) end, Waiting).

%% Whoever has an IPv6 address has its /64.
address_key({0, 0, 0, 0, 0, 16#ffff, _, _} = Mapped) -> Mapped;
address_key({A, B, C, D, _, _, _, _}) -> {A, B, C, D};
address_key(Address) -> Address.

address({0, 0, 0, 0, 0, 16#ffff, AB, CD}) -> address({AB bsr 8, AB band 255, CD bsr 8, CD band 255});
address(IP) -> list_to_binary(inet:ntoa(IP)).
