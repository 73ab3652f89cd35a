-- What oauth_external.rs stands in for the community module of this name with: it asks the endpoint the same question
-- and believes the same answers. (Prosody 13.)
local async = require "util.async";
local http = require "net.http";
local json = require "util.json";
local sasl = require "util.sasl";

local endpoint = module:get_option_string("oauth_external_validation_endpoint");
local seen = module:open_store("accounts");
local provider = { name = "oauth_external" };

function provider.user_exists(username) return seen:get(username) ~= nil; end
function provider.users() return seen:users(); end
for _, name in ipairs({ "test_password", "get_password", "set_password", "create_user" }) do
	provider[name] = function () return nil, "method not implemented"; end
end

function provider.get_sasl_handler()
	local profile = {};
	function profile.oauthbearer(_, token)
		local answer, err = async.wait_for(http.request(endpoint, {
			headers = { Authorization = "Bearer " .. token, Accept = "application/json" };
		}));
		if err then return false, nil, { status = "server_error" }; end
		local said = json.decode(answer.body);
		if answer.code < 200 or answer.code > 299 then return false, nil, said; end
		local username = type(said) == "table" and said.preferred_username;
		if type(username) ~= "string" then return false, nil, { status = "server_error" }; end
		seen:set(username, { exists = true });
		return username, true, said;
	end
	return sasl.new(module.host, profile);
end

module:provides("auth", provider);
