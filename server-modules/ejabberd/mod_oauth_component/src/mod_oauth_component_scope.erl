%% What a session may do that was opened with less than the whole account. `xmpp:client:normal` (XEP-0493) is
%% everything but password change, account removal, client management and server administration: ejabberd knows
%% an administrator by the JID alone, so what such a session sends is looked at. `xmpp:account:read` and
%% `xmpp:account:write` are the account's data and nothing else: whatever is not named here stays out, in both
%% directions.
-module(mod_oauth_component_scope).

-export([enforced/0, rights/1, is_data_only/1]).
-export([user_send_packet/1, user_receive_packet/1, unbinded_packet/2]).

-include("xmpp.hrl").

-define(WHOLE, <<"xmpp">>).
-define(CHAT, <<"xmpp:client:normal">>).
-define(READ, <<"xmpp:account:read">>).
-define(WRITE, <<"xmpp:account:write">>).

-define(COMMANDS, <<"http://jabber.org/protocol/commands">>).
-define(PUBSUB, <<"http://jabber.org/protocol/pubsub">>).

%% The scopes that this module enforces.
enforced() ->
    [?WHOLE, ?CHAT, ?READ, ?WRITE].

%% Of a `scope` attribute: the most that its scopes give together. {data, Types}: the types of IQ that may be sent
%% about the account's data.
-spec rights(binary()) -> none | full | restricted | {data, [get | set]}.
rights(Scope) ->
    Scopes = binary:split(Scope, <<" ">>, [global, trim_all]),
    Has = fun(Name) -> lists:member(Name, Scopes) end,
    case {Has(?WHOLE), Has(?CHAT), [get || Has(?READ)] ++ [set || Has(?WRITE)]} of
        {true, _, _} -> full;
        {_, true, _} -> restricted;
        {_, _, []} -> none;
        {_, _, Types} -> {data, Types}
    end.

is_data_only({data, _}) -> true;
is_data_only(_) -> false.

%% Hook user_send_packet.
user_send_packet({Stanza, #{oauth_component := #{rights := Rights}, lserver := Host} = State} = Unchanged)
  when Stanza =/= drop, Rights =/= full ->
    case is_allowed(Rights, Stanza, Host) of
        true -> Unchanged;
        false -> {stop, {drop, refuse(Stanza, State)}}
    end;
user_send_packet(Unchanged) ->
    Unchanged.

%% Straight to the session, past user_receive_packet/1.
refuse(Stanza, State) ->
    case xmpp:get_type(Stanza) of
        Type when Type == error; Type == result -> State;
        _ ->
            Why = <<"This app was not given the right to do that">>,
            ejabberd_c2s:send(State, xmpp:make_error(Stanza, xmpp:err_forbidden(Why, maps:get(lang, State, <<>>))))
    end.

is_allowed({data, Types}, Stanza, _) -> is_for_data(Stanza, Types);
is_allowed(restricted, Stanza, Host) -> not is_forbidden(Stanza, Host).

%% An ordinary chat client ----------------------------------------------------------------------------------------

%% To a host: announcements and the like.
is_forbidden(#message{to = #jid{luser = <<>>, lserver = Domain}}, Host) ->
    not mod_oauth_component_link:is_component(Domain, Host) andalso ejabberd_router:is_my_host(Domain);
is_forbidden(#iq{type = Type, from = From, to = To, sub_els = Payloads}, Host) when Type == get; Type == set ->
    lists:any(fun(Payload) -> is_forbidden(xmpp:get_ns(Payload), Type, Payload, From, To, Host) end, Payloads);
is_forbidden(_, _) ->
    false.

is_forbidden(?NS_REGISTER, Type, _, From, To, Host) -> % XEP-0077: password change and account removal
    Type == set andalso is_answered_by_server(From, To, Host);
is_forbidden(<<"urn:xmpp:cam:0">>, _, _, From, To, Host) -> % XEP-0494
    is_answered_by_server(From, To, Host);
is_forbidden(<<"urn:xmpp:saslcert:1">>, _, _, From, To, Host) -> % XEP-0257
    is_answered_by_server(From, To, Host);
is_forbidden(?COMMANDS, _, Command, From, To, Host) ->
    is_answered_by_server(From, To, Host) andalso not is_ordinary_command(Command, To, Host);
%% A server's own words (XEP-0355, XEP-0356): no client has a use for them.
is_forbidden(<<"urn:xmpp:delegation:", _/binary>>, _, _, _, _, _) -> true;
is_forbidden(<<"urn:xmpp:privilege:", _/binary>>, _, _, _, _, _) -> true;
%% A server administrator's ownership of all rooms is no ordinary client's (XEP-0045, XEP-0425).
is_forbidden(<<"http://jabber.org/protocol/muc#owner">>, _, _, From, To, _) -> is_administrator_of_rooms(From, To);
is_forbidden(<<"http://jabber.org/protocol/muc#admin">>, _, _, From, To, _) -> is_administrator_of_rooms(From, To);
is_forbidden(<<"urn:xmpp:message-moderate:", _/binary>>, _, _, From, To, _) -> is_administrator_of_rooms(From, To);
is_forbidden(<<"urn:xmpp:fasten:0">>, _, _, From, To, _) -> is_administrator_of_rooms(From, To);
is_forbidden(_, _, _, _, _, _) -> false.

%% Inviting contacts, which people do with the server's own command.
is_ordinary_command(#xmlel{} = Command, #jid{lserver = Domain}, Host) ->
    fxml:get_tag_attr_s(<<"node">>, Command) == <<"urn:xmpp:invite#invite">>
        andalso not mod_oauth_component_link:is_component(Domain, Host);
is_ordinary_command(Command, To, Host) ->
    is_ordinary_command(xmpp:encode(Command), To, Host).

%% For itself, for the account, or through a component of ours.
is_answered_by_server(#jid{luser = User, lserver = Server}, #jid{luser = User, lserver = Server, lresource = <<>>}, _) ->
    true;
is_answered_by_server(_, #jid{luser = Node, lserver = Domain}, Host) ->
    mod_oauth_component_link:is_component(Domain, Host)
        orelse (Node == <<>> andalso ejabberd_router:is_my_host(Domain)).

is_administrator_of_rooms(From, #jid{lserver = Domain}) ->
    ejabberd_router:is_my_route(Domain)
        andalso begin
                    Server = ejabberd_router:host_of_route(Domain),
                    gen_mod:is_loaded(Server, mod_muc)
                        andalso lists:member(Domain, gen_mod:get_module_opt_hosts(Server, mod_muc))
                        andalso acl:match_rule(Server, gen_mod:get_module_opt(Server, mod_muc, access_admin), From)
                                    == allow
                end.

%% The account's data ---------------------------------------------------------------------------------------------

is_for_data(#iq{type = Type, from = From, to = To, sub_els = Payloads}, Types) ->
    case {is_own_server(From, To), Type, Payloads} of
        {true, Type, _} when Type == result; Type == error -> true;
        {true, Type, [Payload]} ->
            is_server_question(Type, xmpp:get_ns(Payload))
                orelse (is_account(From, To) andalso lists:member(Type, Types)
                        andalso is_data(xmpp:get_ns(Payload), Type, Payload));
        _ -> false
    end;
is_for_data(_, _) ->
    false.

is_own_server(#jid{lserver = Host}, #jid{luser = <<>>, lserver = Host, lresource = <<>>}) -> true;
is_own_server(From, To) -> is_account(From, To).

is_account(#jid{luser = User, lserver = Host}, #jid{luser = User, lserver = Host, lresource = <<>>}) -> true;
is_account(_, _) -> false.

%% What any client needs to know of its server.
is_server_question(get, Namespace) ->
    lists:member(Namespace, [?NS_DISCO_INFO, ?NS_DISCO_ITEMS, ?NS_PING]);
is_server_question(set, Namespace) ->
    Namespace == ?NS_SESSION.

is_data(?NS_ROSTER, _, _) -> true; % RFC 6121 §2
is_data(?NS_PRIVATE, _, _) -> true; % XEP-0049
is_data(?NS_VCARD, _, _) -> true; % XEP-0054
is_data(<<"urn:ietf:params:xml:ns:vcard-4.0">>, _, _) -> true; % XEP-0292
%% XEP-0163. A node is set up as it is made: not who else may see one that is there.
is_data(?PUBSUB, get, Payload) -> has_only([<<"items">>], Payload);
is_data(?PUBSUB, set, Payload) ->
    has_only([<<"publish">>, <<"publish-options">>, <<"retract">>, <<"create">>, <<"configure">>], Payload);
is_data(<<"http://jabber.org/protocol/pubsub#owner">>, set, Payload) -> has_only([<<"delete">>, <<"purge">>], Payload);
is_data(_, _, _) -> false.

has_only(Names, #xmlel{children = Children}) ->
    case [Name || #xmlel{name = Name} <- Children] of
        [] -> false;
        Actions -> lists:all(fun(Action) -> lists:member(Action, Names) end, Actions)
    end;
has_only(Names, Payload) ->
    has_only(Names, xmpp:encode(Payload)).

%% Hook user_receive_packet.
user_receive_packet({Stanza, #{oauth_component := #{rights := {data, Types}}, jid := JID} = State} = Unchanged)
  when Stanza =/= drop ->
    case is_of_data(Stanza, JID, Types) of
        true -> Unchanged;
        false ->
            turn_away(Stanza, JID),
            {stop, {drop, State}}
    end;
user_receive_packet(Unchanged) ->
    Unchanged.

%% Answers, pings and (RFC 6121 §2.1.6) roster pushes of the own server.
is_of_data(#iq{type = Type, from = From, sub_els = Payloads}, JID, Types) ->
    case {is_own_server(JID, From) orelse From == JID, Type} of
        {false, _} -> false;
        {true, Type} when Type == result; Type == error -> true;
        {true, _} ->
            lists:all(fun(Payload) ->
                              case xmpp:get_ns(Payload) of
                                  ?NS_PING -> true;
                                  ?NS_ROSTER -> lists:member(get, Types);
                                  _ -> false
                              end
                      end, Payloads)
    end;
is_of_data(_, _, _) ->
    false.

%% To others it is as if nobody were there who could take it.
turn_away(Stanza, JID) ->
    IsOwn = is_own_server(JID, xmpp:get_from(Stanza)),
    case Stanza of
        _ when IsOwn -> ok;
        #iq{} -> turn_away(Stanza);
        #message{type = Type} when Type =/= headline -> turn_away(Stanza);
        _ -> ok
    end.

turn_away(Stanza) ->
    ejabberd_router:route_error(Stanza, xmpp:err_service_unavailable()).

%% Hook c2s_unbinded_packet. Whose stream goes on with another session's queue would get what was meant for that one.
unbinded_packet(#{oauth_component := #{rights := {data, _}}} = State, #sm_resume{xmlns = Namespace}) ->
    {stop, xmpp_stream_in:send(State, #sm_failed{reason = 'item-not-found', xmlns = Namespace})};
unbinded_packet(State, _) ->
    State.
