%% Sessions that were opened with a token, and the grant that each is bound to. The grant stands with the session
%% in ejabberd_sm, so that it is known on every node and for hibernated sessions (XEP-0198) too.
-module(mod_oauth_component_sessions).

-export([opened/1, closed/3, all/1, has_grant/1, is_bound/4, end_sessions/3, end_session/4, reset_all/1]).

-include("xmpp.hrl").
-include("logger.hrl").

-define(GRANT, oauth_component_grant).

%% Hooks c2s_session_opened and c2s_session_resumed. Who resumes a session has the rights of the new login.
opened(#{oauth_component := #{grant := Grant}, user := User, lserver := Host, resource := Resource} = State) ->
    _ = ejabberd_sm:set_user_info(User, Host, Resource, ?GRANT, Grant),
    mod_oauth_component_link:tell_session(Host, User, Resource, Grant, open),
    State;
opened(State) ->
    State.

%% Hook sm_remove_connection_hook. A session that was resumed goes on.
closed(_SID, #jid{luser = User, lserver = Host, lresource = Resource}, Info) ->
    case proplists:get_value(?GRANT, Info) of
        undefined -> ok;
        Grant ->
            case grant_of(User, Host, Resource) of
                {Grant, _} -> ok;
                _ -> mod_oauth_component_link:tell_session(Host, User, Resource, Grant, closed)
            end
    end.

grant_of(User, Host, Resource) ->
    case ejabberd_sm:get_user_info(User, Host, Resource) of
        offline -> none;
        Info -> {proplists:get_value(?GRANT, Info), proplists:get_value(pid, Info)}
    end.

%% Of what ejabberd_sm knows of a session.
has_grant(Info) -> lists:keymember(?GRANT, 1, Info).

%% All of a host: [{User, Resource, Grant}].
all(Host) ->
    [{User, Resource, Grant} || {User, Resource, Grant, _Pid} <- with_pids(Host)].

with_pids(Host) ->
    Users = lists:usort([User || {User, _, _} <- ejabberd_sm:get_vh_session_list(Host)]),
    lists:flatmap(fun(User) -> of_user(User, Host) end, Users).

of_user(User, Host) ->
    [{User, Resource, Grant, Pid}
     || {Resource, Info} <- ejabberd_sm:get_user_info(User, Host),
        {?GRANT, Grant} <- Info,
        {pid, Pid} <- Info].

%% Whether that session is there and bound to that grant.
is_bound(User, Host, Resource, Grant) ->
    case grant_of(User, Host, Resource) of
        {Grant, _} -> true;
        _ -> false
    end.

%% Of a grant, or (`all`) of all grants; says how many.
end_sessions(User, Host, Which) ->
    Doomed = [Session || {_, _, Grant, _} = Session <- of_user(User, Host), Which == all orelse Which == Grant],
    lists:foreach(fun(Session) -> stop(Session, Host) end, Doomed),
    length(Doomed).

%% One, if it is still bound to that grant.
end_session(User, Host, Resource, Grant) ->
    case grant_of(User, Host, Resource) of
        {Grant, Pid} -> stop({User, Resource, Grant, Pid}, Host);
        _ -> ok
    end.

stop({User, Resource, _Grant, Pid}, Host) ->
    ?INFO_MSG("Ending the session ~ts@~ts/~ts: its OAuth grant has ended", [User, Host, Resource]),
    close(Pid, xmpp:serr_not_authorized(<<"The access that was granted to this app has ended">>, <<"en">>)).

%% All of a host; the apps connect again. Not while ejabberd stops, which ends all sessions by itself.
reset_all(Host) ->
    case whereis(ejabberd_sm) of
        undefined -> ok;
        _ -> lists:foreach(fun({_, _, _, Pid}) -> close(Pid, xmpp:serr_reset()) end, with_pids(Host))
    end.

%% A hibernated session has no stream to close, but ends as well.
close(Pid, StreamError) ->
    ejabberd_c2s:send(Pid, StreamError),
    ejabberd_c2s:stop_async(Pid).
