%% The ejabberd end of xmpp-oauth (docs/protocol.md): lets people log in with OAUTHBEARER beside the host's own
%% mechanisms, asks the component about every token, binds sessions to their grant, ends them with it, and holds
%% them to their scope. It decides nothing about tokens. One source for ejabberd 23.01, 24.12 and later.
%%
%% Several xmpp-oauth processes on one database are a component each: logins take turns, and go to the next where one
%% does not answer; all hear of sessions and accounts; and each may ask, and end sessions.
%%
%% This file is what ejabberd knows: options, documentation, and which hook goes where.
%%
%%   mod_oauth_component_sasl      OAUTHBEARER on client streams
%%   mod_oauth_component_link      stanzas to and from the components
%%   mod_oauth_component_accounts  passwords and what becomes of accounts
%%   mod_oauth_component_sessions  sessions and their grants
%%   mod_oauth_component_scope     what a session may do
%%   mod_oauth_component_clients   what an account's owner sees and takes back
-module(mod_oauth_component).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_opt_type/1, mod_doc/0]).

-include("logger.hrl").

-define(PARTS, [mod_oauth_component_link, mod_oauth_component_accounts, mod_oauth_component_sessions,
                mod_oauth_component_scope, mod_oauth_component_clients, mod_oauth_component_sasl]).

start(Host, Opts) ->
    load_parts(),
    case mod_oauth_component_sasl:prepare() of
        ok ->
            mod_oauth_component_accounts:init(),
            Started = mod_oauth_component_link:start(Host, Opts),
            lists:foreach(fun(Hook) -> apply(ejabberd_hooks, add, Hook) end, hooks(Host) ++ shared_hooks()),
            mod_oauth_component_clients:start(Host),
            mod_oauth_component_link:hello(Host),
            Started;
        {error, Missing} ->
            %% Not an error for gen_mod: at boot that would keep all of ejabberd from starting.
            ?CRITICAL_MSG("mod_oauth_component does not know ejabberd ~ts (it lacks ~ts) and stays off for ~ts: "
                          "nobody can log in with OAUTHBEARER there. Look for a newer module",
                          [ejabberd_option:version(), Missing, Host]),
            ok
    end.

stop(Host) ->
    case mod_oauth_component_link:is_running(Host) of
        true -> stop_running(Host);
        false -> ok % module_uninstall stops it on every host, loaded or not
    end.

stop_running(Host) ->
    lists:foreach(fun(Hook) -> apply(ejabberd_hooks, delete, Hook) end, hooks(Host)),
    case gen_mod:is_loaded_elsewhere(Host, ?MODULE) of
        false -> lists:foreach(fun(Hook) -> apply(ejabberd_hooks, delete, Hook) end, shared_hooks());
        true -> ok
    end,
    mod_oauth_component_clients:stop(Host),
    mod_oauth_component_link:stop(Host),
    %% Without the module nothing would hold these sessions to their scope, or end them.
    mod_oauth_component_sessions:reset_all(Host).

%% Options are looked up when they are needed.
reload(Host, _NewOpts, _OldOpts) ->
    mod_oauth_component_link:hello(Host),
    ok.

depends(_Host, _Opts) -> [].

hooks(Host) ->
    [[c2s_stream_started, Host, mod_oauth_component_sasl, stream_started, 90],
     [c2s_session_opened, Host, mod_oauth_component_sessions, opened, 50],
     [c2s_session_resumed, Host, mod_oauth_component_sessions, opened, 50],
     [sm_remove_connection_hook, Host, mod_oauth_component_sessions, closed, 50],
     [user_send_packet, Host, mod_oauth_component_scope, user_send_packet, 1],
     [user_receive_packet, Host, mod_oauth_component_scope, user_receive_packet, 1],
     [c2s_unbinded_packet, Host, mod_oauth_component_scope, unbinded_packet, 1],
     [disco_local_features, Host, mod_oauth_component_clients, features, 50],
     [disco_sm_features, Host, mod_oauth_component_clients, features, 50],
     [remove_user, Host, mod_oauth_component_accounts, removed, 50]].

%% Of all hosts.
shared_hooks() ->
    [[component_send_packet, mod_oauth_component_link, mark_origin, 1],
     [component_connected, mod_oauth_component_link, connected, 50],
     [component_disconnected, mod_oauth_component_link, disconnected, 50]].

%% module_upgrade replaces only the code of the module that bears the name.
load_parts() ->
    lists:foreach(
      fun(Part) ->
              case code:module_status(Part) of
                  modified ->
                      code:purge(Part),
                      code:load_file(Part);
                  _ ->
                      code:ensure_loaded(Part)
              end
      end, ?PARTS).

mod_opt_type(component) -> econf:non_empty(econf:list_or_single(econf:domain(), [unique]));
mod_opt_type(timeout) -> econf:timeout(second);
mod_opt_type(allow_unencrypted) -> econf:bool().

mod_options(_Host) ->
    [component,
     {timeout, timer:seconds(5)},
     {allow_unencrypted, false}].

mod_doc() ->
    #{desc =>
          [<<"Lets people log in with OAuth 2 tokens (SASL OAUTHBEARER, "
             "https://tools.ietf.org/html/rfc7628[RFC 7628]) that the external component xmpp-oauth checks. "
             "Passwords go on as before. Sessions end with the grant that their token came from, and may do what "
             "its scope says.">>],
      opts =>
          [{component,
            #{value => <<"Domain | [Domain, ...]">>,
              desc => <<"The JID that xmpp-oauth connects as, through a listener of 'ejabberd_service'. "
                        "Several processes on one database have a JID each: then it is a list. Required.">>}},
           {timeout,
            #{value => "timeout()",
              desc => <<"How long a login waits for the component. The default value is '5 seconds'.">>}},
           {allow_unencrypted,
            #{value => "true | false",
              desc => <<"Whether to offer OAUTHBEARER on TCP streams that are not encrypted, where anyone on the "
                        "way could take the token. WebSocket and BOSH leave encryption to HTTP. "
                        "The default value is 'false'.">>}}],
      example =>
          ["listen:",
           "  -",
           "    port: 5347",
           "    ip: \"127.0.0.1\"",
           "    module: ejabberd_service",
           "    hosts:",
           "      oauth.example.com:",
           "        password: \"secret\"",
           "",
           "modules:",
           "  mod_oauth_component:",
           "    component: oauth.example.com"]}.
