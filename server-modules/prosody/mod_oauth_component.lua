-- The Prosody end of xmpp-oauth (docs/protocol.md): lets people log in with OAUTHBEARER beside the host's
-- own mechanisms, asks the component about every token, binds sessions to their grant, ends them with it,
-- and holds them to their scope. It decides nothing about tokens. One source for Prosody 0.12 and 13.
--
--   VirtualHost "example.com"
--     modules_enabled = { "oauth_component" }
--     oauth_component = "oauth.example.com"       -- the JID of the Component that xmpp-oauth connects as
--     -- oauth_component_timeout = 5              -- seconds that a login waits for the component
--
-- Several xmpp-oauth processes on one database are a Component each:
--
--     oauth_component = { "oauth1.example.com", "oauth2.example.com" }
--
-- Then logins take turns, and go to the next where one does not answer; all hear of sessions and accounts; and
-- each may ask, and end sessions.
--
-- Specs: RFC 7628 (OAUTHBEARER), RFC 6120 §6 (SASL), RFC 6750 (tokens over HTTP), XEP-0388 (SASL2), XEP-0198
-- (resumption), XEP-0493 (scopes).

local async = require "util.async";
local base64 = require "util.encodings".base64;
local datetime = require "util.datetime";
local filters = require "util.filters";
local hashes = require "util.hashes";
local id = require "util.id";
local jid = require "util.jid";
local net = require "util.net";
local nodeprep = require "util.encodings".stringprep.nodeprep;
local random = require "util.random";
local st = require "util.stanza";
local time = require "util.time".monotonic;
local usermanager = require "core.usermanager";

local VERSION = "0.1.0";
local MECHANISM = "OAUTHBEARER";
local XMLNS_ACCOUNT = "urn:xmpp-oauth:account:0";
local XMLNS_SASL = "urn:xmpp-oauth:sasl:0";

local host = prosody.hosts[module.host];
local components, is_component = {}, {}; -- a list, and a set
for _, name in ipairs(module:get_option_array("oauth_component", {})) do
	local component = jid.prep(tostring(name));
	if not component or jid.host(component) ~= component then
		components = {};
		break;
	elseif not is_component[component] then
		is_component[component] = true;
		table.insert(components, component);
	end
end
if not components[1] then
	error("mod_oauth_component needs to know xmpp-oauth: set oauth_component = \"oauth.example.com\" (the domain of "
		.. "its Component, or a list of them) for VirtualHost \"" .. module.host .. "\"", 0);
end
local login_timeout = module:get_option_number("oauth_component_timeout", 5);
local request_timeout = 60; -- seconds, for what no person waits for

-- The host's answer to "may a password cross this stream?" holds for tokens too (the same options as mod_saslauth).
local insecure_mechanisms = module:get_option_set("insecure_sasl_mechanisms",
	module:get_option_boolean("allow_unencrypted_plain_auth", false) and {} or { "PLAIN", "LOGIN" });
local plaintext_allowed = not (insecure_mechanisms:contains("PLAIN") or insecure_mechanisms:contains(MECHANISM));

local active = true; -- until the module is unloaded

-- The link: requests to the components and their answers -------------------------------------------------------------

local pending = {}; -- id of an iq → { component = who was asked, answered = function (answer) }

-- Only a component itself, over its own link. Another component may be allowed to send with any `from`.
local function is_from_component(event)
	local origin = event.origin;
	return origin.type == "component" and is_component[origin.host] and event.stanza.attr.from == origin.host;
end

local function link_of(component)
	local target = prosody.hosts[component];
	return target and target.modules.component;
end

local function connected()
	local list = {};
	for _, component in ipairs(components) do
		local link = link_of(component);
		if link and link.connected then table.insert(list, component); end
	end
	return list;
end

-- Sends an iq to a component. `on_answer` is called once, with the answering stanza, or nil when none came in time.
-- Not module:send_iq, which keeps 256 requests and throws the oldest out: logins that hang would push out the others.
local function ask(component, iq_type, payload, seconds, on_answer)
	if not link_of(component) then
		-- Sent all the same it would leave by s2s, tokens and all.
		module:log("error", "%s is no external component of this server: add Component \"%s\" to the configuration",
			component, component);
		return on_answer(nil);
	end

	local iq_id, timer = id.medium(), nil;
	local function answered(answer)
		if not pending[iq_id] then return; end
		pending[iq_id] = nil;
		timer:stop();
		on_answer(answer);
		return true;
	end
	pending[iq_id] = { component = component, answered = answered };
	timer = module:add_timer(seconds, function () answered(nil); end);
	-- mod_component answers for a component that is not connected by the origin's `send`.
	local origin = setmetatable({ send = answered }, { __index = host });
	local iq = st.iq({ type = iq_type, from = module.host, to = component, id = iq_id });
	module:send(iq:add_child(st.clone(payload)), origin);
end

module:hook("iq/host", function (event)
	local stanza = event.stanza;
	if stanza.attr.type ~= "result" and stanza.attr.type ~= "error" then return; end
	local question = pending[stanza.attr.id];
	if question and is_from_component(event) and event.origin.host == question.component then
		return question.answered(stanza);
	end
end, 10);

-- Of one component, or of all.
local function give_up_pending(component)
	local unanswered = {};
	for _, question in pairs(pending) do
		if not component or question.component == component then table.insert(unanswered, question.answered); end
	end
	for _, answered in ipairs(unanswered) do answered(nil); end
end

local function is_result(answer)
	return answer and answer.attr.type == "result";
end

-- Whichever is connected ---------------------------------------------------------------------------------------------

local PAUSE = 10; -- seconds for which one that failed is asked last
local left_alone, turn = {}, 0; -- component → until when

-- Those that are connected, in the order in which to ask now. Without any: all, so that it is said why.
local function in_turn()
	local well, others = {}, {};
	for _, component in ipairs(connected()) do
		local is_well = (left_alone[component] or 0) <= time();
		table.insert(is_well and well or others, component);
	end
	turn = turn + 1;
	local order = {};
	for i = 1, #well do order[i] = well[(turn + i) % #well + 1]; end
	for _, component in ipairs(others) do table.insert(order, component); end
	return order[1] and order or components;
end

-- Errors that any process would give; all others are its own trouble, and the next one is asked.
local is_verdict = { ["bad-request"] = true, ["item-not-found"] = true, ["policy-violation"] = true };

-- Asks one, and the next as soon as one fails or has not answered within its share of the time. The first good
-- answer counts, from whichever it comes. `on_answer` is called once, with it or with the last that failed, and
-- with who gave it.
local function ask_any(iq_type, payload, seconds, on_answer)
	local order, deadline = in_turn(), time() + seconds;
	local asked, waiting_for, is_over = 0, 0, false;
	local last_answer, last_component;

	local function failed(component, answer)
		local condition, text, _ = "no answer", nil, nil;
		if answer then
			_, condition, text = answer:get_error();
			last_answer, last_component = answer, component;
		end
		if condition ~= "resource-constraint" then left_alone[component] = time() + PAUSE; end
		module:log(condition == "forbidden" and "error" or "info", "%s did not do what it was asked: %s", component,
			text and condition .. ": " .. text or condition);
	end

	local function ask_next()
		asked, waiting_for = asked + 1, waiting_for + 1;
		local component, left, share_is_over = order[asked], math.max(deadline - time(), 0), nil;
		-- So that only one tries whether it is well again.
		if left_alone[component] then left_alone[component] = time() + PAUSE; end
		if asked < #order then
			share_is_over = module:add_timer(left / (#order - asked + 1), function ()
				share_is_over = nil;
				if is_over or not active then return; end
				failed(component, nil);
				ask_next();
			end);
		end
		local was_last = asked == #order;
		ask(component, iq_type, payload, left, function (answer)
			waiting_for = waiting_for - 1;
			local in_time = was_last or share_is_over ~= nil;
			if share_is_over then share_is_over:stop(); end
			local is_good = answer and (answer.attr.type == "result" or is_verdict[select(2, answer:get_error())]);
			if is_good and in_time then left_alone[component] = nil; end
			if is_over then return; end
			if is_good then
				is_over = true;
				return on_answer(answer, component);
			end
			if in_time then failed(component, answer); end
			if active and asked < #order then
				if in_time then ask_next(); end
			elseif waiting_for == 0 then
				is_over = true;
				on_answer(last_answer, last_component or component);
			end
		end);
	end
	ask_next();
end

-- Answers requests from the component; anyone else is refused.
local function serve(iq_type, name, handler)
	module:hook("iq-" .. iq_type .. "/host/" .. XMLNS_ACCOUNT .. ":" .. name, function (event)
		if not is_from_component(event) then
			event.origin.send(st.error_reply(event.stanza, "auth", "forbidden"));
			return true;
		end
		handler(event.origin, event.stanza, event.stanza.tags[1]);
		return true;
	end);
end

-- Runs `work` where it may wait: some authentication providers ask over the network.
local function in_background(origin, stanza, work)
	async.runner(work, {
		error = function (_, err)
			module:log("error", "Could not answer the component: %s", err);
			origin.send(st.error_reply(stanza, "wait", "internal-server-error"));
		end;
	}):run(true);
end

-- Sessions and their grants ------------------------------------------------------------------------------------------
-- session.oauth_grant = { id = the grant, restricted = whether the scope is less than the whole account,
--                         data = nil, or { get =, set = } for what alone it may do with the account's data }

-- Sessions that have logged in and have no resource yet, so are not in host.sessions.
local unbound = setmetatable(module:shared("unbound"), { __mode = "k" });

local function end_session(session)
	if session.oauth_is_ending then return; end
	session.oauth_is_ending = true;
	session.log("info", "Ending the session: its OAuth grant has ended");
	session:close({ condition = "not-authorized", text = "The access that was granted to this app has ended" });
end

-- Told to all, for each shows people their sessions. An "open" is told again until it is answered: the grant may have
-- ended between the check and the session, and each knows that. One that has gone is told at its next link-up.
local function report(session, state, pause, only)
	local grant = session.oauth_grant;
	local payload = st.stanza("session", { xmlns = XMLNS_ACCOUNT, username = session.username,
		resource = session.resource, grant = grant.id, state = state });
	local function is_over() return state ~= "open" or session.destroyed or session.oauth_grant ~= grant; end
	local function tell_later(component)
		local longer = math.min((pause or 2.5) * 2, 300);
		module:add_timer(longer, function ()
			if not is_over() then report(session, state, longer, component); end
		end);
	end

	local told = connected();
	for _, component in ipairs(told) do
		if component == only then told = { only }; end
	end
	if not told[1] and not is_over() then tell_later(nil); end
	for _, component in ipairs(told) do
		ask(component, "set", payload, request_timeout, function (answer)
			if is_over() then return; end
			if not is_result(answer) then
				tell_later(component);
			elseif answer:get_child("gone", XMLNS_ACCOUNT) then
				end_session(session);
			end
		end);
	end
end

-- Prosody 13: the account's own role, but never more than an ordinary member's. 0.12 has no roles.
local function ordinary_role(username)
	local roles = usermanager.get_all_roles and usermanager.get_all_roles(module.host);
	local own, member = roles and usermanager.get_user_role(username, module.host), roles and roles["prosody:member"];
	if not (own and member) then return nil; end
	local name = (own.priority or 0) > member.priority and member.name or own.name;
	local role = own:clone({ name = name });
	function role:may(action, context) -- luacheck: ignore 212/self
		return member:may(action, context) and own:may(action, context);
	end
	return role;
end

local hold_to_data; -- see Scopes

-- Binds a session that has just authenticated to the grant of its token.
local function bind_grant(event)
	local session = event.session;
	local handler = session.sasl_handler;
	local grant = handler and handler.oauth_grant;
	if not grant then return; end
	handler.oauth_grant = nil;
	session.oauth_grant = grant;
	session.fast_token_request = nil; -- XEP-0484: a FAST token would outlive the grant
	if grant.restricted then session.role = ordinary_role(session.username); end
	if grant.data then hold_to_data(session); end
	unbound[session] = true;
end
module:hook("authentication-success", bind_grant, 100);
module:hook("sasl2/c2s/success", bind_grant, 900); -- before resumption, bind 2 and FAST act on the success

module:hook("resource-bind", function (event)
	unbound[event.session] = nil;
	if event.session.oauth_grant then report(event.session, "open"); end
end);

module:hook("resource-unbind", function (event)
	if event.session.oauth_grant then report(event.session, "closed"); end
end);

-- XEP-0198: `session` goes on over the connection of `newer`, so it has the rights with which that one logged in.
local function resume(session, newer)
	unbound[newer] = nil;
	local old, grant = session.oauth_grant, newer.oauth_grant;
	if not (old or grant) then return; end
	if old and not (grant and grant.id == old.id) then report(session, "closed"); end
	session.oauth_grant, session.role = grant, newer.role;
	if grant then report(session, "open"); end
end
module:hook_global("c2s-session-updated", function (event) -- Prosody 13
	local session = event.session;
	if session.host ~= module.host then return; end
	resume(session, event.from_session);
	-- Resumed within SASL2: mod_c2s stopped reading while the login waited for the component, and would go on with
	-- the session that has just given its connection away.
	if session.oauth_grant and session.conn and session.conn.resume then session.conn:resume(); end
end);
module:hook("smacks-hibernation-end", function (event) -- Prosody 0.12 (13 has emptied `origin` by now)
	if event.resumed and not event.origin.destroyed then resume(event.resumed, event.origin); end
end);

serve("set", "end-sessions", function (origin, stanza, request)
	local username, grant_id = request.attr.username, request.attr.grant;
	if not username then
		return origin.send(st.error_reply(stanza, "modify", "bad-request", "end-sessions needs a username"));
	end
	local doomed = {};
	local function consider(session)
		local grant = session.oauth_grant;
		if grant and session.username == username and (not grant_id or grant.id == grant_id) then
			table.insert(doomed, session);
		end
	end
	for _, session in pairs(host.sessions[username] and host.sessions[username].sessions or {}) do consider(session); end
	for session in pairs(unbound) do consider(session); end
	for _, session in ipairs(doomed) do end_session(session); end
	origin.send(st.reply(stanza):tag("ended", { xmlns = XMLNS_ACCOUNT, count = ("%d"):format(#doomed) }));
end);

-- SASL OAUTHBEARER ---------------------------------------------------------------------------------------------------

-- Logins that wait for the component. The caps leave memory alone when it hangs; while it answers they are not reached.
local MAX_WAITING, MAX_WAITING_PER_ADDRESS = 1000, 100;
local waiting, waiting_by_address = 0, {};

-- Whoever has an IPv6 address has its /64.
local function address_key(ip)
	local packed = ip and not ip:find("^::ffff:") and net.pton(ip);
	return packed and #packed == 16 and packed:sub(1, 8) or ip or "";
end

local WHOLE, CHAT, READ, WRITE = "xmpp", "xmpp:client:normal", "xmpp:account:read", "xmpp:account:write";
local enforced_scopes = { WHOLE, CHAT, READ, WRITE };

local function grant_of(success)
	local grant_id = success.attr.grant;
	if not (grant_id and #grant_id <= 64 and grant_id:find("^[%w_-]+$")) then return nil; end
	local has = {};
	for scope in (success.attr.scope or ""):gmatch("%S+") do has[scope] = true; end
	local data;
	if not (has[WHOLE] or has[CHAT]) then
		if not (has[READ] or has[WRITE]) then return nil; end
		data = { get = has[READ], set = has[WRITE] };
	end
	return { id = grant_id, restricted = not has[WHOLE], data = data };
end

-- Has the client's message checked, and waits. Returns the answer and whose it is; nil when there was none.
local function ask_about(session, message)
	local key = address_key(session.ip);
	local from_address = waiting_by_address[key] or 0;
	if not async.ready() or waiting >= MAX_WAITING or from_address >= MAX_WAITING_PER_ADDRESS then
		session.log("info", "Too many OAUTHBEARER logins are waiting to be checked");
		return nil;
	end
	waiting, waiting_by_address[key] = waiting + 1, from_address + 1;

	local answer, component;
	local wait, done = async.waiter();
	ask_any("set", st.stanza("authenticate", { xmlns = XMLNS_SASL, mechanism = MECHANISM, ip = session.ip })
		:text(base64.encode(message)), login_timeout, function (stanza, answerer)
		from_address = waiting_by_address[key] - 1;
		waiting, waiting_by_address[key] = waiting - 1, from_address > 0 and from_address or nil;
		answer, component = stanza, answerer;
		done();
	end);
	wait();

	if session.destroyed then
		-- Nobody is left to answer, and mod_saslauth would fail on the emptied session: leave this thread to the
		-- garbage collector.
		async.waiter()();
	end
	return answer, component;
end

local function account_is_good(username)
	local exists = host.users.user_exists(username); -- usermanager's says yes while a session of a removed account lives
	if not exists then return false, "not-authorized"; end
	if not usermanager.user_is_enabled then return true; end -- Prosody 0.12
	local enabled, err = usermanager.user_is_enabled(username, module.host);
	-- Prosody 13.0 says so of every provider that knows no disabled accounts (all but internal_hashed).
	if enabled or err == "method not implemented" then return true; end
	return false, enabled == false and "account-disabled" or "temporary-auth-failure";
end

local function accept(handler, session, success, component)
	local username, domain, resource = jid.prepped_split(success.attr.jid);
	local grant = grant_of(success);
	if not username or domain ~= module.host or resource then
		session.log("warn", "%s named %s, which is no account of this host", component, success.attr.jid);
		return "failure", "not-authorized";
	elseif not grant then
		session.log("warn", "%s gave no grant with a scope that this module enforces", component);
		return "failure", "not-authorized";
	end
	local good, condition = account_is_good(username);
	if not good then return "failure", condition; end
	handler.username, handler.oauth_grant = username, grant;
	return "success";
end

local function authenticate(handler, session, message)
	local answer, component = ask_about(session, message);
	local success = is_result(answer) and answer:get_child("success", XMLNS_SASL);
	if success then return accept(handler, session, success, component); end
	local challenge = is_result(answer) and base64.decode(answer:get_child_text("challenge", XMLNS_SASL) or "");
	if challenge and challenge ~= "" then return "challenge", challenge; end

	local condition, _ = nil, nil;
	if answer and answer.attr.type == "error" then _, condition = answer:get_error(); end
	if condition == "bad-request" then return "failure", "malformed-request"; end
	return "failure", "temporary-auth-failure";
end

-- Prosody 13's own tokens (mod_tokenauth) all begin so.
local function has_prosody_token(message)
	return message:lower():find("\1auth=bearer +secret%-token:") ~= nil;
end

-- Adds OAUTHBEARER to one session's SASL handler. Everything else goes to the handler's own methods.
local function add_mechanism(handler, session)
	local own_mechanisms, own_select, own_process = handler.mechanisms, handler.select, handler.process;
	local own_clean_clone = handler.clean_clone;
	local function allowed() return session.secure or plaintext_allowed; end
	local step = "start"; -- then "asked" for the missing initial response, "refused" with the JSON, or "theirs"

	function handler:mechanisms()
		local offered = {};
		for mechanism in pairs(own_mechanisms(self)) do offered[mechanism] = true; end
		if active and allowed() then offered[MECHANISM] = true; end
		return offered;
	end

	function handler:select(mechanism)
		if mechanism ~= MECHANISM or own_mechanisms(self)[MECHANISM] then return own_select(self, mechanism); end
		if self.selected or not active then return nil; end
		self.selected = mechanism;
		return true;
	end

	local function process(self, message)
		if step == "refused" then return "failure", "not-authorized"; end -- RFC 7628 §3.2.3: whatever it is
		if not message and step == "start" then
			step = "asked";
			return "challenge", "";
		elseif not message then
			return "failure", "malformed-request";
		elseif not allowed() then
			return "failure", "encryption-required";
		elseif not active then
			return "failure", "temporary-auth-failure";
		end
		return authenticate(self, session, message);
	end

	function handler:process(message)
		local theirs = self.selected ~= MECHANISM or step == "theirs"
			or (step ~= "refused" and message and own_mechanisms(self)[MECHANISM] and has_prosody_token(message));
		if theirs then
			if self.selected == MECHANISM then step = "theirs"; end
			return own_process(self, message);
		end
		local status, data, text = process(self, message);
		if status == "challenge" and data ~= "" then step = "refused"; end
		if status == "failure" then step, self.selected = "start", nil; end -- so that the stream can try again
		return status, data, text;
	end

	function handler:clean_clone()
		local clone = own_clean_clone(self);
		if clone and active then add_mechanism(clone, session); end
		return clone;
	end
end

local restore_provider = function () end;

-- (Re)wraps the host's authentication provider, which is the host's alone.
local function wrap_provider()
	restore_provider();
	local users = host.users;
	local own_get = users.get_sasl_handler;
	local function get_sasl_handler(session, ...)
		local handler = own_get(session, ...);
		if active and handler and session then add_mechanism(handler, session); end
		return handler;
	end
	users.get_sasl_handler = get_sasl_handler;
	function restore_provider()
		-- If somebody has wrapped it again since, ours stays below theirs and only passes on.
		if users.get_sasl_handler == get_sasl_handler then users.get_sasl_handler = own_get; end
	end
end
wrap_provider();
module:hook("item-added/auth-provider", wrap_provider, -10); -- after the usermanager has taken it

-- Tokens over HTTP (Prosody 13) --------------------------------------------------------------------------------------
-- mod_rest asks the host's mod_tokenauth whose a bearer token is, and then acts as a session of that account. So ours
-- are answered for there: each request asks anew, and is held to its scope by the same hook as a session's stanzas
-- (see Scopes). There is no session that could outlive the grant.

local function token_session(token, resource)
	local http = { log = module._log }; -- no address is known: all of them together wait as if from one
	local answer, component = ask_about(http, "n,,\1auth=Bearer " .. token .. "\1\1");
	local success = is_result(answer) and answer:get_child("success", XMLNS_SASL);
	if not success then
		local refused = is_result(answer) and answer:get_child("challenge", XMLNS_SASL);
		return nil, refused and "not-authorized" or "internal-error";
	end
	local accepted = {};
	if accept(accepted, http, success, component) ~= "success" then return nil, "not-authorized"; end
	local username, grant = accepted.username, accepted.oauth_grant;
	local role = grant.restricted and ordinary_role(username) or usermanager.get_user_role(username, module.host);
	if not role then return nil, "not-authorized"; end
	return { username = username, host = module.host, resource = resource or id.short(), role = role,
		oauth_grant = grant };
end

local restore_tokens = function () end;

local function wrap_tokens()
	restore_tokens();
	local tokens = host.modules.tokenauth;
	local own_get = tokens and tokens.get_token_session; -- Prosody 0.12 has none
	if not own_get then return; end
	local function get_token_session(token, resource)
		-- RFC 6750 §2.1. What mod_tokenauth made itself is its own to judge.
		local is_ours = active and type(token) == "string" and token:find("^[%w%-._~+/]+=*$");
		if is_ours then return token_session(token, resource); end
		return own_get(token, resource);
	end
	tokens.get_token_session = get_token_session;
	function restore_tokens()
		if tokens.get_token_session == get_token_session then tokens.get_token_session = own_get; end
	end
end
wrap_tokens();
local function on_loaded(event)
	if event.module == "tokenauth" then wrap_tokens(); end
end
module:hook("module-loaded", on_loaded);
module:hook("module-reloaded", on_loaded);

-- Scopes -------------------------------------------------------------------------------------------------------------
-- xmpp:client:normal is everything but password change, account removal, client management and server administration.
-- Roles (13) hold back only what asks for a permission, and on 0.12 an admin is known by the JID alone, so what such
-- a session sends is looked at as well.

local XMLNS_COMMANDS = "http://jabber.org/protocol/commands";
local ordinary_commands = { ["urn:xmpp:invite#invite"] = true }; -- what people do with their contacts

-- Changing or adding what the account can be logged in to with, and taking it away.
local credential_namespaces = {
	["jabber:iq:register"] = "set", -- XEP-0077: password change and account removal
	["urn:xmpp:cam:0"] = "any", -- XEP-0494
	["xmpp:prosody.im/protocol/manage-clients"] = "any", -- mod_client_management
	["urn:xmpp:saslcert:1"] = "any", -- XEP-0257
};

-- Does the server itself answer there: for itself, for the account, for a component of its own or through one of ours?
local function is_answered_by_server(origin, to)
	local node, domain, resource = jid.split(to);
	if not domain or is_component[domain] then return true; end
	local target = prosody.hosts[domain];
	if not target or target.modules.component then return false; end
	return not node or (not resource and node == origin.username and domain == origin.host);
end

-- A server administrator's ownership of all rooms and nodes goes by the JID too, and is no ordinary client's.
local ownership_namespaces = {
	["http://jabber.org/protocol/muc#owner"] = true, ["http://jabber.org/protocol/muc#admin"] = true,
	["http://jabber.org/protocol/pubsub#owner"] = true,
	["urn:xmpp:message-moderate:0"] = true, ["urn:xmpp:message-moderate:1"] = true,
};
local XMLNS_PUBSUB = "http://jabber.org/protocol/pubsub";
local ownership_of_nodes = { publish = true, retract = true, create = true };

local function is_administrator(username, domain)
	local account = jid.join(username, module.host);
	if not usermanager.get_jid_role then return usermanager.is_admin(account, domain); end -- Prosody 0.12
	local role = usermanager.get_jid_role(account, domain);
	local roles = role and usermanager.get_all_roles(domain);
	local member = roles and roles["prosody:member"];
	return role ~= nil and (not member or (role.priority or 0) > member.priority);
end

-- What the room itself says, without what mod_muc adds for administrators.
local function is_in_charge_of_room(account, target, room_jid)
	local muc = target.modules.muc;
	local room = muc and muc.get_room_from_jid and muc.get_room_from_jid(room_jid);
	local affiliation = room and room._affiliations and room._affiliations[account];
	return affiliation == "owner" or affiliation == "admin";
end

local function is_administrators_ownership(origin, stanza)
	local domain = jid.host(stanza.attr.to);
	local target = prosody.hosts[domain];
	if not target or target.type ~= "component" or target.modules.component then return false; end
	local payload = stanza.tags[1];
	local xmlns = payload.attr.xmlns;
	local owns = ownership_namespaces[xmlns] or xmlns == "urn:xmpp:fasten:0"; -- XEP-0425
	if xmlns == XMLNS_PUBSUB then
		for _, action in ipairs(payload.tags) do owns = owns or ownership_of_nodes[action.name]; end
	end
	return owns and is_administrator(origin.username, domain)
		and not is_in_charge_of_room(jid.join(origin.username, origin.host), target, jid.bare(stanza.attr.to));
end

local function is_forbidden(origin, stanza)
	local to, stanza_type = stanza.attr.to, stanza.attr.type;
	local at_server = is_answered_by_server(origin, to);
	if stanza.name == "message" then -- to a host: announcements and the like
		return at_server and to and not jid.node(to) and not is_component[jid.host(to)];
	elseif stanza.name ~= "iq" or (stanza_type ~= "get" and stanza_type ~= "set") then
		return false;
	end
	local payload = stanza.tags[1];
	if not payload then return false; end -- mod_rest looks at that later
	local xmlns = payload.attr.xmlns or "";
	if credential_namespaces[xmlns] then
		return at_server and (credential_namespaces[xmlns] == "any" or stanza_type == "set");
	elseif xmlns == XMLNS_COMMANDS then
		return at_server and not (ordinary_commands[payload.attr.node] and not is_component[jid.host(to)]);
	end
	-- A server's own words (XEP-0355, XEP-0356): no client has a use for them.
	return xmlns:find("^urn:xmpp:delegation:") ~= nil or xmlns:find("^urn:xmpp:privilege:") ~= nil
		or is_administrators_ownership(origin, stanza);
end

-- xmpp:account:read and xmpp:account:write are the account's data and nothing else: whatever is not named here stays
-- out, in both directions.
local account_data = {
	["jabber:iq:roster"] = "any", -- RFC 6121 §2
	["jabber:iq:private"] = "any", -- XEP-0049
	["vcard-temp"] = "any", -- XEP-0054
	["urn:ietf:params:xml:ns:vcard-4.0"] = "any", -- XEP-0292
	-- XEP-0163. A node is set up as it is made: not who else may see one that is there.
	[XMLNS_PUBSUB] = {
		get = { items = true },
		set = { publish = true, ["publish-options"] = true, retract = true, create = true, configure = true },
	},
	["http://jabber.org/protocol/pubsub#owner"] = { set = { delete = true, purge = true } },
};

-- What any client needs to know of its server.
local server_questions = {
	["http://jabber.org/protocol/disco#info"] = "get", ["http://jabber.org/protocol/disco#items"] = "get",
	["urn:xmpp:ping"] = "get", ["urn:ietf:params:xml:ns:xmpp-session"] = "set",
};

local function is_data_request(data, stanza_type, payload)
	local allowed = account_data[payload.attr.xmlns];
	if not (allowed and data[stanza_type]) then return false; end
	if allowed == "any" then return true; end
	local actions = allowed[stanza_type] or {};
	for _, action in ipairs(payload.tags) do
		if not actions[action.name] then return false; end
	end
	return payload.tags[1] ~= nil;
end

local function is_own_server(session, address)
	return not address or address == session.host or jid.prep(address) == jid.join(session.username, session.host);
end

local function is_for_data(session, stanza)
	local data, to, stanza_type = session.oauth_grant.data, stanza.attr.to, stanza.attr.type;
	if stanza.name ~= "iq" or not is_own_server(session, to) then return false; end
	if stanza_type == "result" or stanza_type == "error" then return true; end
	local payload = stanza.tags[1];
	if not payload then return false; end
	return server_questions[payload.attr.xmlns] == stanza_type
		or (to ~= session.host and is_data_request(data, stanza_type, payload));
end

local refusing = false; -- while an error of ours goes to a session

-- Answers, pings and (RFC 6121 §2.1.6) roster pushes of the own server.
local function is_of_data(session, stanza)
	local stanza_type, from = stanza.attr.type, stanza.attr.from;
	if refusing then return true; end
	if stanza.name ~= "iq" or not (is_own_server(session, from) or from == session.full_jid) then return false; end
	if stanza_type == "result" or stanza_type == "error" then return true; end
	local xmlns = stanza.tags[1] and stanza.tags[1].attr.xmlns;
	return xmlns == "urn:xmpp:ping" or (xmlns == "jabber:iq:roster" and session.oauth_grant.data.get);
end

local stanza_names = { message = true, presence = true, iq = true };

local function only_data(stanza, session)
	local grant = session.oauth_grant;
	if not (grant and grant.data) or not stanza_names[stanza.name] or is_of_data(session, stanza) then return stanza; end
	-- To others it is as if nobody were there who could take it.
	local stanza_type, from = stanza.attr.type, stanza.attr.from;
	local wants_answer = stanza.name == "iq" and (stanza_type == "get" or stanza_type == "set")
		or stanza.name == "message" and stanza_type ~= "error" and stanza_type ~= "headline";
	if wants_answer and not is_own_server(session, from) and stanza.attr.to then
		module:send(st.error_reply(stanza, "cancel", "service-unavailable"));
	end
	return nil;
end

-- Whose stream goes on with another session's queue would get what was meant for that one.
function hold_to_data(session)
	session.sasl2_sm_request = nil;
	filters.add_filter(session, "stanzas/out", only_data, 1000);
end

for _, xmlns in ipairs({ "urn:xmpp:sm:2", "urn:xmpp:sm:3" }) do
	module:hook("stanza/" .. xmlns .. ":resume", function (event)
		local session = event.origin;
		if not (session.oauth_grant and session.oauth_grant.data) then return; end
		session.send(st.stanza("failed", { xmlns = xmlns })
			:tag("item-not-found", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }));
		return true;
	end, 100);
end

local function is_allowed(origin, stanza)
	local grant = origin.oauth_grant;
	if not (grant and grant.restricted) then return true; end
	if grant.data then return is_for_data(origin, stanza); end
	return not is_forbidden(origin, stanza);
end

module:hook("pre-stanza", function (event)
	local origin, stanza = event.origin, event.stanza;
	if is_allowed(origin, stanza) then return; end
	event.reason = "outside the scope of the session's OAuth grant";
	if stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		refusing = true;
		pcall(origin.send, st.error_reply(stanza, "auth", "forbidden", "This app was not given the right to do that"));
		refusing = false;
	end
	return false;
end, 1000);

-- Clients (XEP-0494) -------------------------------------------------------------------------------------------------
-- The component knows what was granted; sessions that were opened with a password are ours to add. Sessions with less
-- than the whole account do not come this far (see Scopes).

local XMLNS_CLIENTS = "urn:xmpp:cam:0";
local PASSWORD_SESSION = "password:"; -- before the resource; no grant's id has a colon

local function add_password_sessions(clients, username)
	for resource, session in pairs(host.sessions[username] and host.sessions[username].sessions or {}) do
		if not session.oauth_grant then
			clients:tag("client", { id = PASSWORD_SESSION .. resource, type = "session",
				connected = session.conn and "true" or "false" })
				:text_tag("first-seen", session.conntime and datetime.datetime(math.floor(session.conntime)))
				:tag("auth"):tag("password"):up():up()
				:tag("permission", { status = "unrestricted" }):up()
				:tag("user-agent"):text_tag("software", resource):up()
				:up();
		end
	end
end

local function ask_about_clients(event, iq_type, on_result)
	local origin, stanza = event.origin, event.stanza;
	if origin.type ~= "c2s" or (origin.oauth_grant and origin.oauth_grant.restricted) then
		origin.send(st.error_reply(stanza, "auth", "forbidden"));
		return true;
	end
	ask_any(iq_type, st.stanza("client-access", { xmlns = XMLNS_ACCOUNT, username = origin.username })
		:add_child(stanza.tags[1]), login_timeout, function (answer)
			if origin.destroyed then return; end
			if is_result(answer) then return origin.send(on_result(answer)); end
			local error_type, condition, text = "wait", "remote-server-timeout", nil;
			if answer then error_type, condition, text = answer:get_error(); end
			origin.send(st.error_reply(stanza, error_type, condition, text));
		end);
	return true;
end

module:hook("iq-get/self/" .. XMLNS_CLIENTS .. ":list", function (event)
	local username = event.origin.username;
	return ask_about_clients(event, "get", function (answer)
		local listed = answer:get_child("clients", XMLNS_CLIENTS);
		local clients = listed and st.clone(listed) or st.stanza("clients", { xmlns = XMLNS_CLIENTS });
		add_password_sessions(clients, username);
		return st.reply(event.stanza):add_child(clients);
	end);
end);

module:hook("iq-set/self/" .. XMLNS_CLIENTS .. ":revoke", function (event)
	local origin, stanza = event.origin, event.stanza;
	local client_id = stanza.tags[1].attr.id or "";
	local sessions = host.sessions[origin.username] and host.sessions[origin.username].sessions or {};
	local session = client_id:sub(1, #PASSWORD_SESSION) == PASSWORD_SESSION
		and sessions[client_id:sub(#PASSWORD_SESSION + 1)];
	if session and not session.oauth_grant then -- whoever knows the password comes back
		origin.send(st.error_reply(stanza, "cancel", "service-unavailable", "Change the password to end this access")
			:tag("password-reset-required", { xmlns = XMLNS_CLIENTS }));
		return true;
	end
	return ask_about_clients(event, "set", function () return st.reply(stanza); end);
end);

module:add_feature(XMLNS_CLIENTS);
module:hook("account-disco-info", function (event)
	event.reply:tag("feature", { var = XMLNS_CLIENTS }):up();
end);

-- Accounts -----------------------------------------------------------------------------------------------------------

-- Stored per account, so that Prosody removes it with the account, by whichever way that is removed.
local secrets = module:open_store();
local providers_with_records = { internal_hashed = true, internal_plain = true, insecure = true };

-- Changes with the account's password and with the account. Computed from the stored record, because prosodyctl
-- changes that from outside; under a secret key, because the password must not be guessed from it.
local function generation_of(username)
	if not providers_with_records[host.users.name] then return nil; end
	local record = module:open_store("accounts"):get(username);
	if not record then return nil; end
	local stored = secrets:get(username);
	if not stored then
		stored = { secret = base64.encode(random.bytes(32)) };
		if not secrets:set(username, stored) then return nil; end
	end
	local fields = { record.salt or "", record.stored_key or "", record.server_key or "", record.password or "",
		record.created and ("%d"):format(record.created) or "" };
	return hashes.hmac_sha256(base64.decode(stored.secret), table.concat(fields, "\0"), true):sub(1, 32);
end

local MAX_PASSWORD_CHECKS = 100; -- more than one at a time only where the provider waits
local password_checks = 0;

serve("get", "check-password", function (origin, stanza, request)
	local username, password = request.attr.username, request:get_text() or "";
	if not username then
		return origin.send(st.error_reply(stanza, "modify", "bad-request", "check-password needs a username"));
	elseif password_checks >= MAX_PASSWORD_CHECKS then
		return origin.send(st.error_reply(stanza, "wait", "resource-constraint", "Too many checks at once"));
	end
	in_background(origin, stanza, function ()
		password_checks = password_checks + 1;
		local ok, valid = pcall(function ()
			return nodeprep(username) == username and account_is_good(username)
				and usermanager.test_password(username, module.host, password);
		end);
		password_checks = password_checks - 1;
		assert(ok, valid);
		if valid then
			origin.send(st.reply(stanza):tag("valid", { xmlns = XMLNS_ACCOUNT, generation = generation_of(username) }));
		else
			origin.send(st.reply(stanza):tag("invalid", { xmlns = XMLNS_ACCOUNT }));
		end
	end);
end);

serve("get", "accounts", function (origin, stanza, request)
	if #request.tags > 100 then
		return origin.send(st.error_reply(stanza, "modify", "bad-request", "At most 100 accounts at once"));
	end
	in_background(origin, stanza, function ()
		local reply = st.reply(stanza):tag("accounts", { xmlns = XMLNS_ACCOUNT });
		for account in request:childtags("account", XMLNS_ACCOUNT) do
			local username = account.attr.username or "";
			local exists = nodeprep(username) == username and username ~= "" and host.users.user_exists(username);
			reply:tag("account", { username = username, exists = exists and "true" or "false",
				enabled = exists and account_is_good(username) and "true" or "false",
				generation = exists and generation_of(username) or nil }):up();
		end
		origin.send(reply);
	end);
end);

local untold = {}; -- changes that no component has confirmed, told again at link-up

-- To all that are connected, for each remembers tokens that it has seen. What one has confirmed is in the database.
local function tell_change(username, what)
	local key, change = username .. "/" .. what, { username = username, what = what };
	untold[key] = change;
	local payload = st.stanza("account-changed", { xmlns = XMLNS_ACCOUNT, username = username, what = what });
	for _, component in ipairs(connected()) do
		ask(component, "set", payload, request_timeout, function (answer)
			if is_result(answer) and untold[key] == change then untold[key] = nil; end
		end);
	end
end

for event_name, what in pairs({ ["user-password-changed"] = "password", ["user-deleted"] = "deleted",
	["user-disabled"] = "disabled" }) do
	module:hook_global(event_name, function (event)
		if event.host == module.host then tell_change(event.username, what); end
	end);
end

-- Link-up ------------------------------------------------------------------------------------------------------------

local function send_sessions(component, sessions)
	local request = st.stanza("sessions", { xmlns = XMLNS_ACCOUNT });
	local sent = {};
	for _, session in ipairs(sessions) do
		local attr = { username = session.username, resource = session.resource, grant = session.oauth_grant.id };
		request:tag("session", attr):up();
		sent[table.concat({ attr.username, attr.resource, attr.grant }, "\0")] = session;
	end
	ask(component, "set", request, request_timeout, function (answer)
		local list = is_result(answer) and answer:get_child("sessions", XMLNS_ACCOUNT);
		if not list then return; end
		for gone in list:childtags("gone", XMLNS_ACCOUNT) do
			local attr = gone.attr;
			local session = sent[table.concat({ attr.username or "", attr.resource or "", attr.grant or "" }, "\0")];
			if session and session.oauth_grant and session.oauth_grant.id == attr.grant then end_session(session); end
		end
	end);
end

local function send_all_sessions(component)
	local batch = {};
	for _, user in pairs(host.sessions) do
		for _, session in pairs(user.sessions) do
			if session.oauth_grant then
				table.insert(batch, session);
				if #batch == 100 then
					send_sessions(component, batch);
					batch = {};
				end
			end
		end
	end
	if batch[1] then send_sessions(component, batch); end
end

local function hello(component)
	local greeting = st.stanza("hello", { xmlns = XMLNS_ACCOUNT, version = VERSION,
		server = "Prosody " .. (prosody.version or "") });
	for _, scope in ipairs(enforced_scopes) do greeting:text_tag("scope", scope); end
	ask(component, "set", greeting, request_timeout, function (answer)
		if is_result(answer) then
			module:log("info", "%s serves this host", component);
			send_all_sessions(component);
			for _, change in pairs(untold) do tell_change(change.username, change.what); end
		elseif answer then
			local _, condition, text = answer:get_error();
			module:log(condition == "forbidden" and "error" or "info", "%s does not serve this host yet: %s", component,
				text or condition);
		end
	end);
end

serve("get", "hello", function (origin, stanza)
	origin.send(st.reply(stanza));
	hello(origin.host);
end);

-- A component's host may come after this one, go, and come back.
local function watch(component)
	local target = prosody.hosts[component];
	if not target then return; end
	module:hook_object_event(target.events, "component-authenticated", function ()
		left_alone[component] = nil;
		hello(component);
	end);
	module:hook_object_event(target.events, "component-disconnected", function (event)
		if event.session.type == "component" then give_up_pending(component); end -- not one whose handshake was refused
	end);
end
module:hook_global("host-activated", function (activated)
	if is_component[activated] then watch(activated); end
end);
for _, component in ipairs(components) do
	watch(component);
	if prosody.hosts[component] then hello(component); end
end

-- Unloading ----------------------------------------------------------------------------------------------------------

local reloading = false;

function module.save()
	reloading = true;
	return { untold = untold };
end

function module.restore(saved)
	for key, change in pairs(saved.untold or {}) do untold[key] = change; end
end

function module.unload()
	restore_provider();
	restore_tokens();
	-- Without the module nothing would hold these sessions to their scope, or end them.
	if not reloading then
		for _, user in pairs(host.sessions) do
			for _, session in pairs(user.sessions) do
				if session.oauth_grant then unbound[session] = true; end
			end
		end
		for session in pairs(unbound) do end_session(session); end
	end
	active = false;
	give_up_pending();
end
