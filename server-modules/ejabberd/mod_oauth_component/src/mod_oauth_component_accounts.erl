%% Passwords, and what becomes of accounts.
%%
%% No release up to 24.12 tells when a password has changed or an account was banned. So the accounts that the
%% component has asked about are compared again and again, which also sees what changed behind ejabberd's back.
-module(mod_oauth_component_accounts).

-export([init/0, status/2, generation/2, check_password/3, remember/2, compare_all/1, removed/2]).

-include("scram.hrl").

%% Stored per account, so that an account that is registered anew has another.
-record(oauth_component_account, {us, secret}).

init() ->
    ejabberd_mnesia:create(?MODULE, oauth_component_account,
                           [{disc_copies, [node()]},
                            {attributes, record_info(fields, oauth_component_account)}]).

%% unknown: the authentication backend cannot say now.
-spec status(binary(), binary()) -> good | disabled | missing | unknown.
status(User, Host) ->
    case exists(User, Host) of
        true ->
            case is_banned(User, Host) of
                true -> disabled;
                false -> good
            end;
        false -> missing;
        unknown -> unknown
    end.

exists(User, Host) ->
    case jid:nodeprep(User) of
        User when User =/= <<>> ->
            case ejabberd_auth:user_exists_in_other_modules(?MODULE, User, Host) of
                true -> true;
                false -> case is_database_up(Host) of true -> false; false -> unknown end;
                _ -> unknown
            end;
        _ -> false
    end.

%% To ejabberd_auth_sql an account that cannot be read does not exist.
is_database_up(Host) ->
    case lists:member(ejabberd_auth_sql, ejabberd_auth:auth_modules(Host)) of
        true ->
            try ejabberd_sql:sql_query(Host, [<<"SELECT 1">>]) of
                {selected, _, _} -> true;
                _ -> false
            catch _:_ -> false
            end;
        false -> true
    end.

%% 24.12 and later mark the account; before, a ban is another password.
is_banned(User, Host) ->
    _ = code:ensure_loaded(mod_admin_extra),
    erlang:function_exported(mod_admin_extra, get_ban_details, 2)
        andalso mod_admin_extra:get_ban_details(User, Host) =/= [].

-spec check_password(binary(), binary(), binary()) -> boolean().
check_password(User, Host, Password) ->
    jid:nodeprep(User) == User andalso Password =/= <<>> andalso not is_banned(User, Host)
        andalso case ejabberd_auth:check_password_with_authmodule(User, <<>>, Host, Password) of
                    {true, _} -> true;
                    _ -> false
                end.

%% Changes with the account's password and with the account. Under a secret key, because the password must not be
%% guessed from it. What ejabberd caches of an external backend says nothing about the account.
-spec generation(binary(), binary()) -> binary() | undefined.
generation(User, Host) ->
    case ejabberd_auth:store_type(Host) of
        external -> undefined;
        _ ->
            case ejabberd_auth:get_password(User, Host) of
                Stored when Stored == false; Stored == []; Stored == <<>> -> undefined;
                Stored ->
                    Mac = crypto:mac(hmac, sha256, secret(User, Host), fields(Stored)),
                    string:lowercase(binary:encode_hex(binary:part(Mac, 0, 16)))
            end
    end.

%% Field by field: a record may look otherwise after an upgrade of ejabberd.
fields(#scram{storedkey = StoredKey, serverkey = ServerKey, salt = Salt}) ->
    lists:join(0, [StoredKey, ServerKey, Salt]);
fields(Several) when is_list(Several) ->
    lists:join(1, lists:sort([iolist_to_binary(fields(Stored)) || Stored <- Several]));
fields(Password) when is_binary(Password) ->
    Password.

secret(User, Host) ->
    case mnesia:dirty_read(oauth_component_account, {User, Host}) of
        [#oauth_component_account{secret = Secret}] -> Secret;
        [] ->
            {atomic, Secret} = mnesia:transaction(fun() -> read_or_make_secret({User, Host}) end),
            %% On the disk before anybody hears of it: a node that is killed and comes back with another secret
            %% would say of each password that it has changed.
            ok = mnesia:sync_log(),
            Secret
    end.

read_or_make_secret(Account) ->
    case mnesia:read(oauth_component_account, Account, write) of
        [#oauth_component_account{secret = Secret}] -> Secret;
        [] ->
            Secret = crypto:strong_rand_bytes(32),
            mnesia:write(#oauth_component_account{us = Account, secret = Secret}),
            Secret
    end.

%% Watches an account from now on.
remember(User, Host) ->
    Table = mod_oauth_component_link:table(Host),
    case ets:member(Table, {account, User}) of
        true -> ok;
        false ->
            ets:insert_new(Table, {{account, User}, generation(User, Host), is_banned(User, Host)}),
            ok
    end.

compare_all(Host) ->
    Known = ets:match_object(mod_oauth_component_link:table(Host), {{account, '_'}, '_', '_'}),
    lists:foreach(fun({{account, User}, Generation, Banned}) -> compare(User, Host, Generation, Banned) end, Known).

compare(User, Host, Generation, WasBanned) ->
    case {generation(User, Host), is_banned(User, Host)} of
        {undefined, _} -> ok; % as while the database is away
        {Generation, WasBanned} -> ok;
        {Now, IsBanned} ->
            ets:insert(mod_oauth_component_link:table(Host), {{account, User}, Now, IsBanned}),
            [mod_oauth_component_link:tell_change(Host, User, password)
             || Now =/= Generation, Generation =/= undefined],
            [mod_oauth_component_link:tell_change(Host, User, disabled) || IsBanned, not WasBanned],
            ok
    end.

%% Hook remove_user.
removed(User, Host) ->
    mnesia:dirty_delete(oauth_component_account, {User, Host}),
    ets:delete(mod_oauth_component_link:table(Host), {account, User}),
    mod_oauth_component_link:tell_change(Host, User, deleted).
