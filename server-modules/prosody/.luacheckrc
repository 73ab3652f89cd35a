-- Prosody gives every module these globals.
std = "lua54"
max_line_length = 120
read_globals = {
	module = { other_fields = true, fields = {
		save = { read_only = false }, restore = { read_only = false }, unload = { read_only = false },
	} },
	prosody = { other_fields = true, fields = { hosts = { read_only = false, other_fields = true } } },
}
