"""Targets that the audit log's sinks are tested against, each a process of its own that can be killed and started
again on the same port: a private PostgreSQL cluster, an S3 server (moto) behind a relay, librdkafka's mock cluster, a
syslog receiver over TLS, and an OTLP collector's stand-in that decodes with OpenTelemetry's own message types.

Run as a program it is one of the receivers: targets.py syslog|otlp|relay PORT ... (see main). What a receiver has
taken it has written to a file before it says so, as a receiver should.
"""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


# ---- the receivers ----

def server_tls(folder):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
    return ctx


def run_syslog(port, folder):
    """RFC 5425: octet counting over TLS; every message is on its way to the disk before the next is read."""
    out = open(os.path.join(folder, "syslog.out"), "ab", buffering=0)
    ctx = server_tls(folder)

    def serve(raw):
        try:
            with ctx.wrap_socket(raw, server_side=True) as c:
                data = b""
                while True:
                    got = c.recv(4096)
                    if not got:
                        break
                    data += got
                    while b" " in data:
                        size, rest = data.split(b" ", 1)
                        if len(rest) < int(size):
                            break
                        out.write(rest[:int(size)] + b"\n")
                        data = rest[int(size):]
                c.unwrap()
        except (OSError, ValueError):
            pass

    with socket.create_server(("127.0.0.1", port)) as s:
        while True:
            threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()


def run_otlp(port, folder):
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    from google.protobuf import json_format
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (ExportLogsServiceRequest,
                                                                        ExportLogsServiceResponse)
    out = open(os.path.join(folder, "otlp.out"), "ab", buffering=0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("authorization") != "Bearer otlp-secret":
                return self.answer(401, b"who?")
            message = json_format.Parse(body, ExportLogsServiceRequest())  # unknown fields raise
            reply = ExportLogsServiceResponse()
            rows = []
            for resource in message.resource_logs:
                who = {a.key: a.value.string_value for a in resource.resource.attributes}
                for scope in resource.scope_logs:
                    for r in scope.log_records:
                        at = {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in r.attributes}
                        if "poison" in r.body.string_value:
                            reply.partial_success.rejected_log_records += 1
                            reply.partial_success.error_message = "poison"
                        rows.append({"origin": who["weir.log.origin"], "time": r.time_unix_nano,
                                     "severity": r.severity_number, "body": r.body.string_value, "at": at})
            if not reply.partial_success.rejected_log_records:
                out.write(b"".join(json.dumps(r).encode() + b"\n" for r in rows))
            return self.answer(200, json_format.MessageToJson(reply).encode())

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.socket = server_tls(folder).wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def run_relay(port, to):
    """TCP to another port of this machine; killing it cuts what runs through it."""
    def pump(a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", port)) as s:
        while True:
            here = s.accept()[0]
            there = socket.create_connection(("127.0.0.1", int(to)))
            threading.Thread(target=pump, args=(here, there), daemon=True).start()
            threading.Thread(target=pump, args=(there, here), daemon=True).start()


# ---- as seen from the tests ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def certificate(folder):
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=weir test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", os.path.join(folder, "key.pem"), "-out", os.path.join(folder, "cert.pem")],
                   check=True, capture_output=True)
    return os.path.join(folder, "cert.pem")


def wait_port(port, process, what, timeout_s=30):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(what)


class Target:
    """One process on one port."""

    def __init__(self, folder, *args):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.port, self.args = folder, free_port(), args
        self.process = None

    def command(self):
        return [sys.executable, os.path.join(HERE, "targets.py"), self.args[0], str(self.port), *self.args[1:]]

    def start(self):
        with open(os.path.join(self.folder, f"{self.args[0]}.log"), "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        wait_port(self.port, self.process, self.args[0])
        return self

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)


class Receiver(Target):
    """syslog or otlp, with TLS."""

    def __init__(self, folder, kind):
        self.ca = certificate(folder)
        super().__init__(folder, kind, folder)
        self.out = os.path.join(folder, f"{kind}.out")

    def lines(self):
        if not os.path.exists(self.out):
            return []
        with open(self.out, encoding="utf-8") as f:
            return [line.rstrip("\n") for line in f if line.endswith("\n")]


class S3:
    """moto's server; Weir reaches it through a relay, which is what is killed (moto keeps objects in memory)."""

    def __init__(self, folder, bucket):
        self.bucket, self.folder, self.back = bucket, folder, free_port()
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "moto.log"), "ab") as log:
            self.moto = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.back)],
                                         stdout=log, stderr=log)
        wait_port(self.back, self.moto, "moto", 60)
        self.client().create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True,
                                    CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.relay = Target(folder, "relay", str(self.back))
        self.port = self.relay.port

    def client(self):
        import boto3
        return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.back}", region_name="eu-central-1",
                            aws_access_key_id="AKIATEST", aws_secret_access_key="s3-secret")

    def start(self):
        self.relay.start()
        return self

    def kill(self):
        self.relay.kill()

    def end(self):
        self.kill()
        self.moto.kill()
        self.moto.wait(10)


class Kafka:
    """librdkafka's mock cluster; `kill` takes its broker down with every connection, its log stays."""

    def __init__(self, folder, program, topic):
        os.makedirs(folder, exist_ok=True)
        self.out = os.path.join(folder, "kafka.out")
        self.process = subprocess.Popen([program, topic, self.out], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.servers = self.process.stdout.readline().strip()
        self.down = False

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def start(self):
        if self.down:
            assert self.say("up") == 0
        self.down = False
        return self

    def kill(self):
        if not self.down:
            assert self.say("down") == 0
        self.down = True

    def messages(self):
        assert self.say("dump") >= 0
        with open(self.out, encoding="utf-8") as f:
            return [line.rstrip("\n").split("\t", 3) for line in f]

    def end(self):
        self.process.kill()
        self.process.wait(10)


class Postgres:
    """A private cluster on loopback with TLS, run by an unprivileged user when the tests run as root."""

    @staticmethod
    def programs():
        base = "/usr/lib/postgresql"
        found = [os.path.join(base, v, "bin") for v in sorted(os.listdir(base))] if os.path.isdir(base) else []
        return found[-1] if found else None

    def __init__(self):
        self.bin = self.programs()
        self.folder = tempfile.mkdtemp(prefix="weir-pg-")  # not under pytest's folder: others may not go there
        os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")
        self.as_user = []
        self.ca = certificate(os.path.join(self.folder, "tls"))
        os.mkdir(self.data)
        if os.getuid() == 0:
            self.as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            for path in [self.data, *(os.path.join(self.folder, "tls", f) for f in ("cert.pem", "key.pem"))]:
                os.chown(path, 65534, 65534)
        with open(os.path.join(self.folder, "password"), "w", encoding="utf-8") as f:
            f.write("pg-secret\n")
        subprocess.run([*self.as_user, os.path.join(self.bin, "initdb"), "-D", self.data, "-U", "weir", "-A",
                        "scram-sha-256", "--pwfile", os.path.join(self.folder, "password"), "-E", "UTF8",
                        "--no-sync"], check=True, capture_output=True)
        self.port = free_port()
        self.process = None

    def start(self):
        tls = os.path.join(self.folder, "tls")
        pid = os.path.join(self.data, "postmaster.pid")
        if os.path.exists(pid):
            os.unlink(pid)
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [*self.as_user, os.path.join(self.bin, "postgres"), "-D", self.data, "-p", str(self.port),
                 "-h", "127.0.0.1", "-k", "", "-c", "ssl=on", "-c", f"ssl_cert_file={tls}/cert.pem",
                 "-c", f"ssl_key_file={tls}/key.pem", "-c", "shared_buffers=16MB"], stdout=log, stderr=log)
        wait_port(self.port, self.process, "postgres")
        for _ in range(200):
            if self.query("select 1", check=False).strip() == "1":
                return self
            time.sleep(0.1)
        raise TimeoutError("postgres")

    def query(self, sql, check=True):
        done = subprocess.run([os.path.join(self.bin, "psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql],
                              capture_output=True, text=True, check=False,
                              env=dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER="weir",
                                       PGPASSWORD="pg-secret", PGDATABASE="postgres"))
        if check and done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def kill(self):
        """kill -9 of the server and all its children, as a power failure would."""
        if self.process and self.process.poll() is None:
            children = [int(p) for p in os.listdir("/proc") if p.isdigit() and self.is_child(p)]
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            for p in children:
                try:
                    os.kill(p, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def is_child(self, pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                return int(f.read().rsplit(")", 1)[1].split()[1]) == self.process.pid
        except (OSError, ValueError, IndexError):
            return False

    def end(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    {"syslog": run_syslog, "otlp": run_otlp, "relay": run_relay}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
