%% What a session may do that was opened with less than the whole account: `xmpp:client:normal` (XEP-0493) is
%% everything but password change, account removal, client management and server administration. ejabberd knows
%% an administrator by the JID alone, so what such a session sends is looked at.
-module(mod_oauth_component_scope).

-export([enforced/0, rights/1, user_send_packet/1]).

-include("xmpp.hrl").

-define(COMMANDS, <<"http://jabber.org/protocol/commands">>).

%% The scopes that this module enforces, and what they leave of the account.
enforced() ->
    #{<<"xmpp">> => full, <<"xmpp:client:normal">> => restricted}.

%% Of a `scope` attribute: the most that any of its scopes gives.
rights(Scope) ->
    Known = [maps:get(Name, enforced()) || Name <- binary:split(Scope, <<" ">>, [global, trim_all]),
                                           maps:is_key(Name, enforced())],
    case {Known, lists:member(full, Known)} of
        {[], _} -> none;
        {_, true} -> full;
        {_, false} -> restricted
    end.

user_send_packet({Stanza, #{oauth_component := #{rights := restricted}, lserver := Host} = State} = Unchanged)
  when Stanza =/= drop ->
    case is_forbidden(Stanza, Host) of
        false ->
            Unchanged;
        true ->
            Why = <<"This app was not given the right to do that">>,
            ejabberd_router:route_error(Stanza, xmpp:err_forbidden(Why, maps:get(lang, State, <<>>))),
            {stop, {drop, State}}
    end;
user_send_packet(Unchanged) ->
    Unchanged.

%% To a host: announcements and the like.
is_forbidden(#message{to = #jid{luser = <<>>, lserver = Domain}}, Host) ->
    Domain =/= mod_oauth_component_link:component(Host) andalso ejabberd_router:is_my_host(Domain);
is_forbidden(#iq{type = Type, from = From, to = To, sub_els = Payloads}, Host) when Type == get; Type == set ->
    lists:any(fun(Payload) -> is_forbidden(xmpp:get_ns(Payload), Type, Payload, From, To, Host) end, Payloads);
is_forbidden(_, _) ->
    false.

is_forbidden(?NS_REGISTER, Type, _, From, To, Host) -> % XEP-0077: password change and account removal
    Type == set andalso is_answered_by_server(From, To, Host);
is_forbidden(<<"urn:xmpp:cam:0">>, _, _, From, To, Host) -> % XEP-0494
    is_answered_by_server(From, To, Host);
is_forbidden(?COMMANDS, _, Command, From, To, Host) ->
    is_answered_by_server(From, To, Host) andalso not is_ordinary_command(Command, To, Host);
%% A server's own words (XEP-0355, XEP-0356): no client has a use for them.
is_forbidden(<<"urn:xmpp:delegation:", _/binary>>, _, _, _, _, _) -> true;
is_forbidden(<<"urn:xmpp:privilege:", _/binary>>, _, _, _, _, _) -> true;
is_forbidden(_, _, _, _, _, _) -> false.

%% Inviting contacts, which people do with the server's own command.
is_ordinary_command(#xmlel{} = Command, #jid{lserver = Domain}, Host) ->
    fxml:get_tag_attr_s(<<"node">>, Command) == <<"urn:xmpp:invite#invite">>
        andalso Domain =/= mod_oauth_component_link:component(Host);
is_ordinary_command(Command, To, Host) ->
    is_ordinary_command(xmpp:encode(Command), To, Host).

%% For itself, for the account, or through our component.
is_answered_by_server(#jid{luser = User, lserver = Server}, #jid{luser = User, lserver = Server, lresource = <<>>}, _) ->
    true;
is_answered_by_server(_, #jid{luser = Node, lserver = Domain}, Host) ->
    Domain == mod_oauth_component_link:component(Host)
        orelse (Node == <<>> andalso ejabberd_router:is_my_host(Domain)).
