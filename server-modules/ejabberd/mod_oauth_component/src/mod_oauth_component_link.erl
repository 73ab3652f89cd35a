%% Stanzas to and from the components (docs/protocol.md). One process a host keeps what they were not told
%% yet, and the host's table:
%%
%%   {{account, User}, Generation, IsBanned}   accounts that are watched
%%   {{untold, User, What}, Ref}               changes of accounts that no component has confirmed
%%   {{asking, Pid, Component}}                who waits for an answer of which
%%   {{left_alone, Component}, Until}          those that failed, and until when they are asked last
%%   {turn, N}                                 whose turn it is
%%   {checks, N}                               password checks under way
%%   and the waiting logins of mod_oauth_component_sasl
-module(mod_oauth_component_link).
-behaviour(gen_server).

-export([start/2, stop/1, is_running/1, table/1, is_active/1, is_component/2, hello/1, ask_any/5, element/3, child/2,
         error_text/1]).
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
-define(LEFT_ALONE, timer:seconds(10)).
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

components(Host) -> gen_mod:get_module_opt(Host, ?MODULE_NAME, component).

is_component(Domain, Host) -> lists:member(Domain, components(Host)).

connected_to(Host) -> lists:filter(fun ejabberd_router:is_my_route/1, components(Host)).

%% To all that are there.
hello(Host) -> lists:foreach(fun(Component) -> hello(Host, Component) end, components(Host)).

hello(Host, Component) -> gen_server:cast(table(Host), {hello, Component}).

element(Name, Attributes, Children) ->
    #xmlel{name = Name, attrs = Attributes, children = Children}.

account_element(Name, Attributes, Children) ->
    element(Name, [{<<"xmlns">>, ?NS} | Attributes], Children).

%% Asking ---------------------------------------------------------------------------------------------------------

%% Sends an iq to a component. `OnAnswer` is called once, with the answer, or with `timeout` when there was none.
ask(Host, Component, Type, Payload, Timeout, OnAnswer) ->
    case ejabberd_router:is_my_route(Component) of
        true ->
            ejabberd_router:route_iq(question(Host, Component, Type, Payload),
                                     fun(Answer) -> OnAnswer(from_component(Answer, Component)) end,
                                     undefined, Timeout);
        false ->
            OnAnswer(timeout) % sent all the same it would leave by s2s, tokens and all
    end.

question(Host, Component, Type, Payload) ->
    #iq{type = Type, from = jid:make(Host), to = jid:make(Component), sub_els = [Payload]}.

from_component(#iq{from = #jid{luser = <<>>, lserver = Component, lresource = <<>>}} = Answer, Component) -> Answer;
from_component(_, _) -> timeout.

%% The answer comes to the host's process.
ask_for(Context, Host, Component, Type, Payload) ->
    Process = table(Host),
    ask(Host, Component, Type, Payload, ?REQUEST_TIMEOUT,
        fun(Answer) -> gen_server:cast(Process, {answer, Context, Answer}) end).

%% Asks one, and the next as soon as one fails or has not answered within its share of the time. The first good answer
%% counts, from whichever it comes. `OnAnswer` is called once, with it or with the last that failed.
ask_any(Host, Type, Payload, Timeout, OnAnswer) ->
    Order = in_turn(Host),
    _ = [?INFO_MSG("No component of ~ts is connected", [Host]) || Order == []],
    spawn(fun() ->
                  Question = #{host => Host, type => Type, payload => Payload, order => Order, waiting => [],
                               deadline => now_ms() + Timeout, last => timeout},
                  try ask_next(Question) of
                      Answer -> OnAnswer(Answer)
                  after
                      [forget({asking, self(), Component}, Host) || Component <- Order]
                  end
          end),
    ok.

%% Those that are connected, in the order in which to ask now.
in_turn(Host) ->
    Table = table(Host),
    {Well, Others} = lists:partition(fun(Component) -> left_alone(Component, Table) =< now_ms() end, connected_to(Host)),
    {Last, First} = lists:split(ets:update_counter(Table, turn, 1, {turn, 0}) rem max(1, length(Well)), Well),
    First ++ Last ++ Others.

left_alone(Component, Table) ->
    case ets:lookup(Table, {left_alone, Component}) of
        [{_, Until}] -> Until;
        [] -> now_ms()
    end.

leave_alone(Component, Host) ->
    note({{left_alone, Component}, now_ms() + ?LEFT_ALONE}, Host).

is_well(Component, Host) ->
    forget({left_alone, Component}, Host).

%% The host's table goes with the module, perhaps before an answer has come.
note(Row, Host) -> try ets:insert(table(Host), Row) catch error:badarg -> false end.

forget(Key, Host) -> try ets:delete(table(Host), Key) catch error:badarg -> false end.

is_noted(Key, Host) -> try ets:member(table(Host), Key) catch error:badarg -> false end.

now_ms() -> erlang:monotonic_time(millisecond).

ask_next(#{order := []} = Question) ->
    wait(Question#{current => none});
ask_next(#{host := Host, order := [Component | Rest], waiting := Waiting, deadline := Deadline} = Question) ->
    note({{asking, self(), Component}}, Host),
    %% So that only one tries whether it is well again.
    _ = [leave_alone(Component, Host) || is_noted({left_alone, Component}, Host)],
    Left = max(1, Deadline - now_ms()),
    case ejabberd_router:is_my_route(Component) of
        true ->
            #{type := Type, payload := Payload} = Question,
            ejabberd_router:route_iq(question(Host, Component, Type, Payload), Component, self(), Left);
        false ->
            self() ! {gone, Component}
    end,
    wait(Question#{order := Rest, waiting := [Component | Waiting], current => Component,
                   share_ends => now_ms() + Left div (length(Rest) + 1)}).

wait(#{order := [], waiting := [], last := Last}) ->
    Last;
wait(#{current := Current, order := Order} = Question) ->
    receive
        {iq_reply, Answer, Component} -> answered(Component, from_component(Answer, Component), Question);
        {gone, Component} -> answered(Component, timeout, Question)
    after patience(Question) ->
            %% The last one's time-out is a reply.
            failed(Current, timeout, maps:get(host, Question)),
            ask_next(Question#{order := Order, current := none})
    end.

patience(#{order := []}) -> infinity;
patience(#{share_ends := ShareEnds}) -> max(0, ShareEnds - now_ms()).

answered(Component, Answer, #{host := Host, waiting := Waiting, current := Current, last := Last} = Question) ->
    case {lists:member(Component, Waiting), is_verdict(Answer), Component == Current} of
        {false, _, _} ->
            wait(Question);
        {true, true, IsInTime} ->
            _ = [is_well(Component, Host) || IsInTime],
            Answer;
        {true, false, IsInTime} ->
            Fewer = Question#{waiting := lists:delete(Component, Waiting),
                              last := case Answer of timeout -> Last; _ -> Answer end},
            case IsInTime of
                true ->
                    failed(Component, Answer, Host),
                    ask_next(Fewer);
                false -> wait(Fewer)
            end
    end.

%% An answer that any process would give. All other errors are its own trouble.
is_verdict(#iq{type = result}) -> true;
is_verdict(#iq{type = error} = Answer) ->
    {Condition, _} = error_text(Answer),
    lists:member(Condition, ['bad-request', 'item-not-found', 'policy-violation']);
is_verdict(timeout) -> false.

failed(Component, Answer, Host) ->
    {Condition, Text} = error_text(Answer),
    _ = [leave_alone(Component, Host) || Condition =/= 'resource-constraint'],
    case Condition of
        forbidden -> ?ERROR_MSG("~ts refuses what ~ts asks: ~ts", [Component, Host, Text]);
        _ -> ?INFO_MSG("~ts did not do what ~ts asked: ~ts ~ts", [Component, Host, Condition, Text])
    end.

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

%% To all, for each shows people their sessions.
tell_session(Host, User, Resource, Grant, State) ->
    tell_session(Host, User, Resource, Grant, State, ?FIRST_PAUSE, all).

%% `Only`: the one that has not answered. If it has gone, another may still know that the grant has ended.
tell_session(Host, User, Resource, Grant, State, Pause, Only) ->
    Connected = connected_to(Host),
    Told = case lists:member(Only, Connected) of true -> [Only]; false -> Connected end,
    Context = fun(Component) -> {session, User, Resource, Grant, State, Pause, Component} end,
    Payload = account_element(<<"session">>, session_attributes(User, Resource, Grant)
                              ++ [{<<"state">>, atom_to_binary(State, utf8)}], []),
    _ = [gen_server:cast(table(Host), {answer, Context(all), timeout}) || Told == []],
    lists:foreach(fun(Component) -> ask_for(Context(Component), Host, Component, set, Payload) end, Told).

session_attributes(User, Resource, Grant) ->
    [{<<"username">>, User}, {<<"resource">>, Resource}, {<<"grant">>, Grant}].

tell_change(Host, User, What) ->
    Ref = make_ref(),
    ets:insert(table(Host), {{untold, User, What}, Ref}),
    send_change(Host, User, What, Ref).

%% To all that are connected, for each remembers tokens that it has seen. What one has confirmed is in the database.
send_change(Host, User, What, Ref) ->
    Payload = account_element(<<"account-changed">>,
                              [{<<"username">>, User}, {<<"what">>, atom_to_binary(What, utf8)}], []),
    lists:foreach(fun(Component) -> ask_for({change, User, What, Ref}, Host, Component, set, Payload) end,
                  connected_to(Host)).

%% The host's process ---------------------------------------------------------------------------------------------

init([Host, _Opts]) ->
    ets:new(table(Host), [named_table, public, set, {write_concurrency, true}]),
    {ok, compare_later(#{host => Host, links => []}, 0)}.

handle_call(_, _, State) ->
    {reply, ok, State}.

handle_cast({hello, Component}, #{host := Host} = State) ->
    Scopes = [element(<<"scope">>, [], [{xmlcdata, Scope}])
              || Scope <- mod_oauth_component_scope:enforced()],
    Server = <<"ejabberd ", (ejabberd_option:version())/binary>>,
    ask_for({hello, Component}, Host, Component, set,
            account_element(<<"hello">>, [{<<"version">>, ?VERSION}, {<<"server">>, Server}], Scopes)),
    {noreply, State};
handle_cast({link, Component, Pid}, #{host := Host, links := Links} = State) ->
    ets:delete(table(Host), {left_alone, Component}),
    _ = [ask_whether_alive(Older, Component, Host) || Older <- links(Component, Links), Older =/= Pid],
    {noreply, State#{links := [{Pid, monitor(process, Pid), Component} | Links]}};
handle_cast({alive, Older}, #{links := Links} = State) ->
    case lists:keyfind(Older, 1, Links) of
        {_, _, Component} ->
            %% The newest comes first.
            Newer = lists:takewhile(fun(Pid) -> Pid =/= Older end, links(Component, Links)),
            [close_link(Pid, <<"there is another that is well">>, Component) || Pid <- Newer];
        false -> ok
    end,
    {noreply, State};
handle_cast({answer, Context, Answer}, #{host := Host} = State) ->
    told(Context, Answer, Host),
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
handle_info({hanging, Older}, #{links := Links} = State) ->
    case lists:keyfind(Older, 1, Links) of
        {_, _, Component} ->
            case links(Component, Links) of
                [_, _ | _] -> close_link(Older, <<"it does not answer, and there is a newer one">>, Component);
                _ -> ok % the newer one has been closed, or has gone
            end;
        false -> ok
    end,
    {noreply, State};
handle_info({tell_open, User, Resource, Grant, Pause, Only}, #{host := Host} = State) ->
    case mod_oauth_component_sessions:is_bound(User, Host, Resource, Grant) of
        true -> tell_session(Host, User, Resource, Grant, open, min(2 * Pause, ?LONGEST_PAUSE), Only);
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

told({hello, Component}, #iq{type = result}, Host) ->
    ?INFO_MSG("~ts serves ~ts", [Component, Host]),
    send_all_sessions(mod_oauth_component_sessions:all(Host), Component, Host),
    [send_change(Host, User, What, Ref) || {{untold, User, What}, Ref} <- ets:tab2list(table(Host))],
    ok;
told({hello, Component}, #iq{type = error} = Answer, Host) ->
    case error_text(Answer) of
        {forbidden, Text} -> ?ERROR_MSG("~ts does not serve ~ts: ~ts", [Component, Host, Text]);
        {Condition, Text} -> ?INFO_MSG("~ts does not serve ~ts yet: ~ts ~ts", [Component, Host, Condition, Text])
    end;
told({session, User, Resource, Grant, open, _, _}, #iq{type = result} = Answer, Host) ->
    case child({<<"gone">>, ?NS}, Answer) of
        none -> ok;
        _ -> mod_oauth_component_sessions:end_session(User, Host, Resource, Grant)
    end;
told({session, User, Resource, Grant, open, Pause, Only}, _, _) ->
    %% The grant may have ended between the check and the session: told again until it is answered.
    erlang:send_after(Pause, self(), {tell_open, User, Resource, Grant, Pause, Only});
told({sessions, Told}, Answer, Host) ->
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
told({change, User, What, Ref}, #iq{type = result}, Host) ->
    ets:delete_object(table(Host), {{untold, User, What}, Ref});
told(_, _, _) ->
    ok.

send_all_sessions([], _, _) -> ok;
send_all_sessions(Sessions, Component, Host) ->
    {Batch, Rest} = lists:split(min(?MAX_NAMES, length(Sessions)), Sessions),
    Elements = [element(<<"session">>, session_attributes(User, Resource, Grant), [])
                || {User, Resource, Grant} <- Batch],
    ask_for({sessions, Batch}, Host, Component, set, account_element(<<"sessions">>, [], Elements)),
    send_all_sessions(Rest, Component, Host).

%% Link-up --------------------------------------------------------------------------------------------------------

hosts_of(Component) ->
    [Host || Host <- ejabberd_option:hosts(), is_active(Host), is_component(Component, Host)].

%% Hook component_connected, in the process of the component's link.
connected(Component) ->
    lists:foreach(fun(Host) ->
                          gen_server:cast(table(Host), {link, Component, self()}),
                          hello(Host, Component)
                  end, hosts_of(Component)).

%% Hook component_disconnected, when the route is gone.
disconnected(Component, _Reason) ->
    case ejabberd_router:is_my_route(Component) of
        true -> ok; % by another link
        false -> lists:foreach(fun(Host) -> give_up_asking(Component, Host) end, hosts_of(Component))
    end.

give_up_asking(Component, Host) ->
    [Pid ! {gone, Component} || [Pid] <- ets:match(table(Host), {{asking, '$1', Component}})],
    ok.

%% Of a component, the newest first.
links(Component, Links) -> [Pid || {Pid, _, Of} <- Links, Of == Component].

%% ejabberd lets a component connect twice and would spread logins over both at random. An older link that answers
%% stays, and one that hangs goes.
ask_whether_alive(Older, Component, Host) ->
    Older ! {route, #iq{type = get, id = ?ALIVE, from = jid:make(Host), to = jid:make(Component),
                        sub_els = [#ping{}]}},
    erlang:send_after(?ALIVE_TIMEOUT, self(), {hanging, Older}).

close_link(Pid, Why, Component) ->
    ?ERROR_MSG("Two connections bear the name ~ts. Closing one: ~ts", [Component, Why]),
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
            case is_active(Host) andalso is_component(Domain, Host) of
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
