"""An RTSP server that is not ours: gst-rtsp-server (LGPL) on loopback.

Usage: gst-rtsp-server.py PORT USER:PASSWORD [--tls PEM] NAME=LAUNCH [NAME=LAUNCH ...]

Each NAME is served at rtsp://127.0.0.1:PORT/NAME with the GStreamer pipeline LAUNCH, which ends in a payloader called pay0. Every client gets
the pipeline from its start, after a digest login, within TLS where a file with certificate and key is given. Prints `ready` when it listens.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
mounts = server.get_mount_points()
auth = GstRtspServer.RTSPAuth()
auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
viewer = GstRtspServer.RTSPToken()
viewer.set_string("media.factory.role", "viewer")
auth.add_digest(*sys.argv[2].split(":", 1), viewer)
arguments = sys.argv[3:]
if arguments[0] == "--tls":
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(arguments[1]))
    arguments = arguments[2:]
server.set_auth(auth)

for argument in arguments:
    name, launch = argument.split("=", 1)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch("( " + launch + " )")
    factory.set_shared(False)
    factory.add_role_from_structure(Gst.Structure.new_from_string(
        "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"))
    mounts.add_factory("/" + name, factory)

if server.attach(None) == 0:
    sys.exit("cannot listen on port " + sys.argv[1])
print("ready", flush=True)
GLib.MainLoop().run()
