"""Two clients of libtorrent, the library of qBittorrent and Deluge, share a
file. They know each other from the tracker and from nothing else.

usage: meet.py ADDRESS ANNOUNCE SEEDER-DIR LEECHER-DIR FILE
"""

import multiprocessing
import sys
import time

import libtorrent as lt

address, announce, seeder_dir, leecher_dir, name = sys.argv[1:]


def client(port):
    return lt.session(
        {
            "listen_interfaces": "%s:%d" % (address, port),
            "enable_dht": False,
            "enable_lsd": False,
            "enable_natpmp": False,
            "enable_upnp": False,
            "allow_multiple_connections_per_ip": True,
            "alert_mask": lt.alert.category_t.tracker_notification
            | lt.alert.category_t.error_notification
            | lt.alert.category_t.status_notification,
        },
        flags=0,  # no plugins: no peer exchange
    )


def wait(session, what, done):
    """Returns once done is true of an alert; says what happened if not."""
    seen = []
    deadline = time.time() + 60
    while time.time() < deadline:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            seen.append(alert.message())
            if done(alert):
                return
    sys.exit("%s did not happen in a minute:\n%s" % (what, "\n".join(seen)))


def torrent():
    files = lt.file_storage()
    lt.add_files(files, seeder_dir + "/" + name)
    made = lt.create_torrent(files, flags=lt.create_torrent.v1_only)
    made.add_tracker(announce)
    lt.set_piece_hashes(made, seeder_dir)
    return lt.torrent_info(made.generate())


def seed(announced):
    session = client(20001)
    session.add_torrent({"ti": torrent(), "save_path": seeder_dir})
    wait(session, "an answer to the seeder", lambda a: isinstance(a, lt.tracker_reply_alert))
    announced.set()
    time.sleep(120)


# Processes of their own: in one, both would announce under the connection id
# (BEP 15) that the tracker gave to one of them.
announced = multiprocessing.Event()
multiprocessing.Process(target=seed, args=(announced,), daemon=True).start()
if not announced.wait(60):
    sys.exit("the seeder did not announce in a minute")
session = client(20002)
session.add_torrent({"ti": torrent(), "save_path": leecher_dir})
wait(session, "the end of the download", lambda a: isinstance(a, lt.torrent_finished_alert))
