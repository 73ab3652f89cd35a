%% Stanzas to and from the component (docs/protocol.md). One process a host keeps what the component was not told
%% yet, and the host's table:
%%
%%   {{account, User}, Generation, IsBanned}   accounts that are watched
%%   {{untold, User, What}, Ref}               changes of accounts that the component has not confirmed
%%   {checks, N}                               password checks under way
%%   and the waiting logins of mod_oauth_component_sasl
-module(mod_oauth_component_link).
-behaviour(gen_server).

-export([start/2, stop/1, is_running/1, table/1, is_active/1, component/1, hello/1, ask/5, element/3, child/2, error_text/1]).
-export([tell_session/5, tell_change/3]).
-export([mark_origin/1, connected/1, disconnected/2, process_iq/1, decode_iq_subel/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-include("xmpp.hrl").
-include("logger.hrl").

-define(VERSION, <<"0.1.0">>).
-define(NS, <<"urn:xmpp-oauth:account:0">>).
-define(MODULE_NAME, mod_oauth_component).
-define(REQUEST_TIMEOUT, timer:seconds(60)). % for what no person waits for
-define(MAX_PASSWORD_CHECKS, 100).
-define(MAX_NAMES, 100).
-define(ALIVE, <<"mod_oauth_component-alive">>).
-define(ALIVE_TIMEOUT, timer:seconds(5)).
-define(COMPARE_EVERY, timer:seconds(1)).
-define(FIRST_PAUSE, timer:seconds(5)). % before an open session that was not confirmed is told again
-define(LONGEST_PAUSE, timer:minutes(5)).

start(Host, Opts) ->
    Started = gen_mod:start_child(?MODULE, Host, Opts, table(Host)),
    gen_iq_handler:add_iq_handler(ejabberd_local, Host, ?NS, ?MODULE, process_iq),
    Started.

stop(Host) ->
    gen_iq_handler:remove_iq_handler(ejabberd_local, Host, ?NS),
    mod_oauth_component_sasl:give_up_waiting(Host),
    gen_mod:stop_child(table(Host)).

%% The name of the host's process and of its table.
table(Host) -> gen_mod:get_module_proc(Host, ?MODULE).

is_running(Host) -> whereis(table(Host)) =/= undefined.

is_active(Host) -> gen_mod:is_loaded(Host, ?MODULE_NAME) andalso is_running(Host).

component(Host) -> gen_mod:get_module_opt(Host, ?MODULE_NAME, component).

hello(Host) -> gen_server:cast(table(Host), hello).

element(Name, Attributes, Children) ->
    #xmlel{name = Name, attrs = Attributes, children = Children}.

account_element(Name, Attributes, Children) ->
    element(Name, [{<<"xmlns">>, ?NS} | Attributes], Children).

%% Asking ---------------------------------------------------------------------------------------------------------

%% Sends an iq to the component. `OnAnswer` is called once, with the answer, or with `timeout` when there was none.
ask(Host, Type, Payload, Timeout, OnAnswer) ->
    Component = component(Host),
    case ejabberd_router:is_my_route(Component) of
        true ->
            IQ = #iq{type = Type, from = jid:make(Host), to = jid:make(Component), sub_els = [Payload]},
            ejabberd_router:route_iq(IQ, fun(Answer) -> OnAnswer(from_component(Answer, Component)) end,
                                     undefined, Timeout);
        false ->
            OnAnswer(timeout) % sent all the same it would leave by s2s, tokens and all
    end.

from_component(#iq{from = #jid{luser = <<>>, lserver = Component, lresource = <<>>}} = Answer, Component) -> Answer;
from_component(_, _) -> timeout.

%% The answer comes to the host's process.
ask_for(Context, Host, Type, Payload) ->
    Process = table(Host),
    ask(Host, Type, Payload, ?REQUEST_TIMEOUT, fun(Answer) -> gen_server:cast(Process, {answer, Context, Answer}) end).

child({Name, Namespace}, #iq{type = result, sub_els = Payloads}) ->
    case [Payload || #xmlel{name = PayloadName} = Payload <- Payloads, PayloadName == Name,
                     fxml:get_tag_attr_s(<<"xmlns">>, Payload) == Namespace] of
        [Payload | _] -> Payload;
        [] -> none
    end;
child(_, _) -> none.

error_text(#iq{type = error} = IQ) ->
    case xmpp:get_error(IQ) of
        #stanza_error{reason = Reason, text = Text} -> {Reason, xmpp:get_text(Text)};
        undefined -> {'undefined-condition', <<>>}
    end;
error_text(_) -> {'remote-server-timeout', <<"no answer">>}.

tell_session(Host, User, Resource, Grant, State) ->
    tell_session(Host, User, Resource, Grant, State, ?FIRST_PAUSE).

tell_session(Host, User, Resource, Grant, State, Pause) ->
    ask_for({session, User, Resource, Grant, State, Pause}, Host, set,
            account_element(<<"session">>, session_attributes(User, Resource, Grant)
                            ++ [{<<"state">>, atom_to_binary(State, utf8)}], [])).

session_attributes(User, Resource, Grant) ->
    [{<<"username">>, User}, {<<"resource">>, Resource}, {<<"grant">>, Grant}].

tell_change(Host, User, What) ->
    Ref = make_ref(),
    ets:insert(table(Host), {{untold, User, What}, Ref}),
    send_change(Host, User, What, Ref).

send_change(Host, User, What, Ref) ->
    ask_for({change, User, What, Ref}, Host, set,
            account_element(<<"account-changed">>, [{<<"username">>, User}, {<<"what">>, atom_to_binary(What, utf8)}],
                            [])).

%% The host's process ---------------------------------------------------------------------------------------------

init([Host, _Opts]) ->
    ets:new(table(Host), [named_table, public, set, {write_concurrency, true}]),
    {ok, compare_later(#{host => Host, links => []}, 0)}.

handle_call(_, _, State) ->
    {reply, ok, State}.

handle_cast(hello, #{host := Host} = State) ->
    Scopes = [element(<<"scope">>, [], [{xmlcdata, Scope}])
              || Scope <- mod_oauth_component_scope:enforced()],
    Server = <<"ejabberd ", (ejabberd_option:version())/binary>>,
    ask_for(hello, Host, set,
            account_element(<<"hello">>, [{<<"version">>, ?VERSION}, {<<"server">>, Server}], Scopes)),
    {noreply, State};
handle_cast({link, Pid}, #{host := Host, links := Links} = State) ->
    _ = [ask_whether_alive(Older, Host) || {Older, _} <- Links, Older =/= Pid],
    {noreply, State#{links := [{Pid, monitor(process, Pid)} | Links]}};
handle_cast({alive, Older}, #{host := Host, links := Links} = State) ->
    %% The newest comes first.
    Newer = lists:takewhile(fun(Pid) -> Pid =/= Older end, [Pid || {Pid, _} <- Links]),
    [close_link(Pid, <<"there is another that is well">>, Host) || Pid <- Newer],
    {noreply, State};
handle_cast({answer, Context, Answer}, #{host := Host} = State) ->
    answered(Context, Answer, Host),
    {noreply, State};
handle_cast(_, State) ->
    {noreply, State}.

handle_info(compare, #{host := Host} = State) ->
    Start = erlang:monotonic_time(millisecond),
    {_, Monitor} = spawn_monitor(fun() -> mod_oauth_component_accounts:compare_all(Host) end),
    {noreply, State#{comparing => {Monitor, Start}}};
handle_info({'DOWN', Monitor, process, _, _}, #{comparing := {Monitor, Start}} = State) ->
    {noreply, compare_later(maps:remove(comparing, State), erlang:monotonic_time(millisecond) - Start)};
handle_info({'DOWN', Monitor, process, _, _}, #{links := Links} = State) ->
    {noreply, State#{links := lists:keydelete(Monitor, 2, Links)}};
handle_info({hanging, Older}, #{host := Host, links := Links} = State) ->
    case Links of
        [_, _ | _] -> _ = [close_link(Older, <<"it does not answer, and there is a newer one">>, Host)
                           || {Pid, _} <- Links, Pid == Older];
        _ -> ok % the newer one has been closed, or has gone
    end,
    {noreply, State};
handle_info({tell_open, User, Resource, Grant, Pause}, #{host := Host} = State) ->
    case mod_oauth_component_sessions:is_bound(User, Host, Resource, Grant) of
        true -> tell_session(Host, User, Resource, Grant, open, min(2 * Pause, ?LONGEST_PAUSE));
        false -> ok
    end,
    {noreply, State};
handle_info(_, State) ->
    {noreply, State}.

terminate(_, _) ->
    ok.

%% However many accounts there are, at most a twentieth of the time goes into it.
compare_later(State, Taken) ->
    erlang:send_after(max(?COMPARE_EVERY, 20 * Taken), self(), compare),
    State.

answered(hello, #iq{type = result}, Host) ->
    ?INFO_MSG("~ts serves ~ts", [component(Host), Host]),
    send_all_sessions(mod_oauth_component_sessions:all(Host), Host),
    [send_change(Host, User, What, Ref) || {{untold, User, What}, Ref} <- ets:tab2list(table(Host))],
    ok;
answered(hello, #iq{type = error} = Answer, Host) ->
    case error_text(Answer) of
        {forbidden, Text} -> ?ERROR_MSG("~ts does not serve ~ts: ~ts", [component(Host), Host, Text]);
        {Condition, Text} -> ?INFO_MSG("~ts does not serve ~ts yet: ~ts ~ts", [component(Host), Host, Condition, Text])
    end;
answered({session, User, Resource, Grant, open, _}, #iq{type = result} = Answer, Host) ->
    case child({<<"gone">>, ?NS}, Answer) of
        none -> ok;
        _ -> mod_oauth_component_sessions:end_session(User, Host, Resource, Grant)
    end;
answered({session, User, Resource, Grant, open, Pause}, _, _) ->
    %% The grant may have ended between the check and the session: told again until it is answered.
    erlang:send_after(Pause, self(), {tell_open, User, Resource, Grant, Pause});
answered({sessions, Told}, Answer, Host) ->
    case child({<<"sessions">>, ?NS}, Answer) of
        none -> ok;
        #xmlel{children = Children} ->
            Gone = [list_to_tuple([fxml:get_tag_attr_s(Name, Child)
                                   || Name <- [<<"username">>, <<"resource">>, <<"grant">>]])
                    || #xmlel{name = <<"gone">>} = Child <- Children],
            [mod_oauth_component_sessions:end_session(User, Host, Resource, Grant)
             || {User, Resource, Grant} = Session <- Gone, lists:member(Session, Told)],
            ok
    end;
answered({change, User, What, Ref}, #iq{type = result}, Host) ->
    ets:delete_object(table(Host), {{untold, User, What}, Ref});
answered(_, _, _) ->
    ok.

send_all_sessions([], _) -> ok;
send_all_sessions(Sessions, Host) ->
    {Batch, Rest} = lists:split(min(?MAX_NAMES, length(Sessions)), Sessions),
    Elements = [element(<<"session">>, session_attributes(User, Resource, Grant), [])
                || {User, Resource, Grant} <- Batch],
    ask_for({sessions, Batch}, Host, set, account_element(<<"sessions">>, [], Elements)),
    send_all_sessions(Rest, Host).

%% Link-up --------------------------------------------------------------------------------------------------------

hosts_of(Component) ->
    [Host || Host <- ejabberd_option:hosts(), is_active(Host), component(Host) == Component].

%% Hook component_connected, in the process of the component's link.
connected(Component) ->
    lists:foreach(fun(Host) ->
                          gen_server:cast(table(Host), {link, self()}),
                          hello(Host)
                  end, hosts_of(Component)).

%% Hook component_disconnected, when the route is gone.
disconnected(Component, _Reason) ->
    case ejabberd_router:is_my_route(Component) of
        true -> ok; % by another link
        false -> lists:foreach(fun mod_oauth_component_sasl:give_up_waiting/1, hosts_of(Component))
    end.

%% ejabberd lets a component connect twice and would spread logins over both at random. An older link that answers
%% stays, and one that hangs goes.
ask_whether_alive(Older, Host) ->
    Older ! {route, #iq{type = get, id = ?ALIVE, from = jid:make(Host), to = jid:make(component(Host)),
                        sub_els = [#ping{}]}},
    erlang:send_after(?ALIVE_TIMEOUT, self(), {hanging, Older}).

close_link(Pid, Why, Host) ->
    ?ERROR_MSG("Two connections bear the name ~ts. Closing one: ~ts", [component(Host), Why]),
    ejabberd_service:send(Pid, xmpp:serr_conflict(<<"This component is connected already">>, <<"en">>)),
    ejabberd_service:stop_async(Pid).

%% Serving --------------------------------------------------------------------------------------------------------

%% Hook component_send_packet: notes over which link a stanza came. The `from` alone proves nothing: another
%% component may be allowed to send with any, and so may a remote server while ours is away.
mark_origin({#iq{id = ?ALIVE, type = Type, to = #jid{lserver = Host}}, State}) when Type == result; Type == error ->
    gen_server:cast(table(Host), {alive, self()}),
    {drop, State};
mark_origin({Stanza, #{remote_server := Component} = State}) when Stanza =/= drop ->
    {xmpp:put_meta(Stanza, ?MODULE, Component), State};
mark_origin(Unchanged) ->
    Unchanged.

decode_iq_subel(Payload) -> Payload.

%% In the process of the component's link: what takes time goes elsewhere. Nothing may fail here, for ejabberd
%% would write the stanza, with the password that is in it, to its log.
process_iq(#iq{from = #jid{luser = <<>>, lserver = Domain, lresource = <<>>}, to = #jid{lserver = Host},
               sub_els = [#xmlel{name = Name} = Request]} = IQ) ->
    case xmpp:get_meta(IQ, ?MODULE, undefined) of
        Domain ->
            case is_active(Host) andalso component(Host) == Domain of
                true ->
                    try serve(IQ#iq.type, Name, Request, IQ, Host)
                    catch _:_ -> xmpp:make_error(IQ, xmpp:err_internal_server_error())
                    end;
                false -> forbidden(IQ)
            end;
        _ -> forbidden(IQ)
    end;
process_iq(IQ) -> forbidden(IQ).

forbidden(IQ) -> xmpp:make_error(IQ, xmpp:err_forbidden()).

bad_request(IQ, Text) -> xmpp:make_error(IQ, xmpp:err_bad_request(Text, <<"en">>)).

serve(get, <<"hello">>, _, IQ, Host) ->
    hello(Host),
    xmpp:make_iq_result(IQ);
serve(get, <<"check-password">>, Request, IQ, Host) ->
    case fxml:get_tag_attr_s(<<"username">>, Request) of
        <<>> -> bad_request(IQ, <<"check-password needs a username">>);
        User -> in_background(IQ, Host, fun() -> check_password(User, Host, fxml:get_tag_cdata(Request)) end)
    end;
serve(get, <<"accounts">>, #xmlel{children = Children}, IQ, Host) ->
    case [fxml:get_tag_attr_s(<<"username">>, Child) || #xmlel{name = <<"account">>} = Child <- Children] of
        Users when length(Users) =< ?MAX_NAMES -> in_background(IQ, Host, fun() -> accounts(Users, Host) end);
        _ -> bad_request(IQ, <<"At most 100 accounts at once">>)
    end;
serve(set, <<"end-sessions">>, Request, IQ, Host) ->
    case {fxml:get_tag_attr_s(<<"username">>, Request), fxml:get_tag_attr(<<"grant">>, Request)} of
        {<<>>, _} -> bad_request(IQ, <<"end-sessions needs a username">>);
        {User, Grant} ->
            Which = case Grant of {value, Id} -> Id; false -> all end,
            Count = mod_oauth_component_sessions:end_sessions(User, Host, Which),
            xmpp:make_iq_result(IQ, account_element(<<"ended">>, [{<<"count">>, integer_to_binary(Count)}], []))
    end;
serve(_, _, _, IQ, _) ->
    xmpp:make_error(IQ, xmpp:err_service_unavailable()).

%% PBKDF2 and some backends take their time.
in_background(IQ, Host, Work) ->
    Table = table(Host),
    case ets:update_counter(Table, checks, 1, {checks, 0}) of
        Under when Under =< ?MAX_PASSWORD_CHECKS ->
            spawn(fun() ->
                          Reply = try xmpp:make_iq_result(IQ, Work())
                                  catch Class:Reason:_ ->
                                          ?ERROR_MSG("Could not answer the component: ~p", [{Class, kind(Reason)}]),
                                          xmpp:make_error(IQ, xmpp:err_internal_server_error())
                                  after catch ets:update_counter(Table, checks, -1)
                                  end,
                          ejabberd_router:route(Reply)
                  end),
            ignore;
        _ ->
            ets:update_counter(Table, checks, -1),
            xmpp:make_error(IQ, xmpp:err_resource_constraint(<<"Too many checks at once">>, <<"en">>))
    end.

%% What kind of failure, without the values that may be in it.
kind(Reason) when is_atom(Reason) -> Reason;
kind(Reason) when is_tuple(Reason), tuple_size(Reason) > 0, is_atom(element(1, Reason)) -> element(1, Reason);
kind(_) -> failed.

check_password(User, Host, Password) ->
    case mod_oauth_component_accounts:check_password(User, Host, Password) of
        true ->
            mod_oauth_component_accounts:remember(User, Host),
            account_element(<<"valid">>, generation_attribute(User, Host), []);
        false ->
            account_element(<<"invalid">>, [], [])
    end.

accounts(Users, Host) ->
    account_element(<<"accounts">>, [], [account(User, Host) || User <- Users]).

account(User, Host) ->
    {Exists, Enabled} = case mod_oauth_component_accounts:status(User, Host) of
                            good -> {<<"true">>, <<"true">>};
                            disabled -> {<<"true">>, <<"false">>};
                            missing -> {<<"false">>, <<"false">>};
                            unknown -> throw(backend_unavailable)
                        end,
    Generation = case Exists of
                     <<"true">> ->
                         mod_oauth_component_accounts:remember(User, Host),
                         generation_attribute(User, Host);
                     <<"false">> -> []
                 end,
    element(<<"account">>, [{<<"username">>, User}, {<<"exists">>, Exists}, {<<"enabled">>, Enabled} | Generation], []).

generation_attribute(User, Host) ->
    case mod_oauth_component_accounts:generation(User, Host) of
        undefined -> [];
        Generation -> [{<<"generation">>, Generation}]
    end.
