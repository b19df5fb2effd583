import asyncio
import base64
import json
import os
import uuid
from pathlib import Path

from websockets import connect


async def main() -> None:
    url = os.environ.get("WS_URL", "ws://127.0.0.1:8000/v1")
    async with connect(url, max_size=None) as socket:
        await socket.send(
            json.dumps([{"taskType": "authentication", "apiKey": os.environ["API_KEY"]}])
        )
        print("session", json.loads(await socket.recv())["data"][0]["connectionSessionUUID"])
        picture = base64.b64encode(Path("cat.jpg").read_bytes()).decode()
        tasks = [
            {
                "taskType": "imageBackgroundBlur",
                "taskUUID": str(uuid.uuid4()),
                "inputImage": picture,
                "scale": scale,
            }
            for scale in (1, 3, 5)
        ]
        await socket.send(json.dumps(tasks))
        for _ in tasks:
            print(json.loads(await socket.recv())["data"][0]["imageURL"])


asyncio.run(main())
