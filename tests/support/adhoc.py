"""Takes an app's access back by an ad-hoc command, with a client library that others wrote (slixmpp).

    adhoc.py ADDRESS PORT JID PASSWORD COMPONENT

Prints a line of JSON: the commands that are offered, the apps that the form offers, and what is said in the end.
The first app of the form loses its access.
"""

import asyncio
import json
import sys

import slixmpp

PREFIX = "urn:xmpp-oauth:command:0#"


async def run(client, component):
    offered = await client["xep_0050"].get_commands(component)
    nodes = [node for _, node, _ in offered["disco_items"]["items"]]
    asked = await client["xep_0050"].send_command(component, PREFIX + "revoke-apps")
    options = asked["command"]["form"].get_fields()["apps"]["options"]
    form = client["xep_0004"].make_form(ftype="submit")
    form.add_field(var="apps", ftype="list-multi", value=[options[0]["value"]])
    done = await client["xep_0050"].send_command(
        component,
        PREFIX + "revoke-apps",
        action="complete",
        payload=form,
        sessionid=asked["command"]["sessionid"],
    )
    return {
        "commands": nodes,
        "apps": [option["value"] for option in options],
        "status": done["command"]["status"],
        "notes": [text for _, text in done["command"]["notes"]],
    }


async def main(address, port, jid, password, component):
    plain = {"feature_mechanisms": {"unencrypted_plain": True, "unencrypted_scram": True}}
    client = slixmpp.ClientXMPP(jid, password, plugin_config=plain, sasl_mech="PLAIN")
    for plugin in ("xep_0004", "xep_0030", "xep_0050"):
        client.register_plugin(plugin)
    started = asyncio.get_event_loop().create_future()
    client.add_event_handler("session_start", lambda _: started.set_result(None))
    client.connect((address, int(port)), disable_starttls=True, force_starttls=False)
    await asyncio.wait_for(started, 20)
    print(json.dumps(await asyncio.wait_for(run(client, component), 20)))
    await client.disconnect()


asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
