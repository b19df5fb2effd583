import asyncio
import os
from pathlib import Path

from runware import IImageBackgroundRemoval, Runware


async def main() -> None:
    client = Runware(
        api_key=os.environ["API_KEY"],
        url=os.environ.get("WS_URL", "ws://127.0.0.1:8000/v1"),
    )
    await client.connect()

    async def cut_out(path: Path) -> str:
        wish = IImageBackgroundRemoval(inputImage=str(path), outputFormat="WEBP")
        (result,) = await client.imageBackgroundRemoval(wish)
        return f"{path.name} {result.imageURL}"

    for done in asyncio.as_completed([cut_out(path) for path in Path().glob("*.jpg")]):
        print(await done)
    await client.disconnect()


asyncio.run(main())
