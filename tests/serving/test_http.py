import trio
from krt.serving.http import serve, Listener
from krt.serving.address import parse_address


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def test_x(nursery):
    stopping = trio.Event()
    a = await nursery.start(
        lambda task_status: serve(
            app, Listener(address=parse_address("127.0.0.1:0")), stopping=stopping, task_status=task_status
        )
    )
    s = await trio.open_tcp_stream(a[0].host, a[0].port)
    await s.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    d = b""
    async for x in s:
        d += x
    print(d)
    await s.aclose()
    assert d.endswith(b"ok")
    stopping.set()
