-- What oauth_external.rs stands in for the community module of this name with: it asks the endpoint the same question
-- and believes the same answers. (Prosody 13.)
local async = require "util.async";
local http = require "net.http";
local json = require "util.json";
local sasl = require "util.sasl";

local function option(name) return module:get_option_string("oauth_external_" .. name); end
local endpoint = option("validation_endpoint");
local seen = module:open_store("accounts");
local provider = { name = "oauth_external" };

function provider.user_exists(username) return seen:get(username) ~= nil; end
function provider.users() return seen:users(); end
for _, name in ipairs({ "test_password", "get_password", "set_password", "create_user" }) do
	provider[name] = function () return nil, "method not implemented"; end
end

function provider.get_sasl_handler()
	local profile = {};
	local function whose(token)
		local answer = async.wait_for(http.request(endpoint, {
			headers = { Authorization = "Bearer " .. token, Accept = "application/json" };
		}));
		if not answer then return nil, { status = "server_error" }; end
		local said = json.decode(answer.body);
		if answer.code < 200 or answer.code > 299 then return nil, said; end
		local username = type(said) == "table" and said.preferred_username;
		if type(username) ~= "string" then return nil, { status = "server_error" }; end
		seen:set(username, { exists = true });
		return username, said;
	end
	function profile.oauthbearer(_, token)
		local username, said = whose(token);
		return username or false, username and true, said;
	end
	-- Passwords go on to the password grant (RFC 6749 §4.3).
	function profile.plain_test(self, username, password, realm)
		local answer = async.wait_for(http.request(option("token_endpoint"), {
			headers = { ["Content-Type"] = "application/x-www-form-urlencoded", Accept = "application/json" };
			body = http.formencode({ grant_type = "password", client_id = option("client_id"),
				client_secret = option("client_secret"), scope = option("scope"),
				username = username .. "@" .. realm, password = password });
		}));
		if not answer or answer.code ~= 200 then return false; end
		self.username = whose(json.decode(answer.body).access_token);
		return self.username ~= nil, true;
	end
	return sasl.new(module.host, profile);
end

module:provides("auth", provider);
