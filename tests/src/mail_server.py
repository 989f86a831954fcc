"""A mail server on loopback, made of the library aiosmtpd: it keeps every message in a file of a directory.

Says its port on its standard output, and ends with its standard input.
"""

import argparse
import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("--mode", choices=["none", "starttls", "tls"], required=True)
parser.add_argument("--dir", required=True)
parser.add_argument("--certificate")
parser.add_argument("--key")
parser.add_argument("--username")
parser.add_argument("--password")
parser.add_argument("--refuse", action="append", default=[])
parser.add_argument("--greylist", action="store_true")
options = parser.parse_args()


class Keeper:
    def __init__(self):
        self.seen = set()
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address in options.refuse:
            return "550 5.1.1 No such user here"
        if options.greylist and address not in self.seen:
            self.seen.add(address)
            return "450 4.2.0 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": server.transport.get_extra_info("cipher") is not None,
            "account": session.auth_data.login.decode() if session.auth_data else None,
            "message": envelope.content.decode("latin-1"),
        }
        path = os.path.join(options.dir, f"{self.count:04}.json")
        self.count += 1
        with open(path + ".part", "w") as file:
            json.dump(mail, file)
        os.rename(path + ".part", path)
        return "250 OK, kept"


def authenticate(server, session, envelope, mechanism, data):
    known = options.username.encode(), options.password.encode()
    return AuthResult(success=(data.login, data.password) == known, handled=False, auth_data=data)


async def main():
    context = None
    if options.mode != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    keeper = Keeper()

    def session():
        return SMTP(
            keeper,
            hostname="mail.example",
            tls_context=context if options.mode == "starttls" else None,
            require_starttls=options.mode == "starttls",
            authenticator=authenticate if options.username else None,
            auth_required=options.username is not None,
            # Where TLS begins with the first byte, the library does not see it.
            auth_require_tls=options.mode == "starttls",
        )

    loop = asyncio.get_running_loop()
    implicit = context if options.mode == "tls" else None
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
