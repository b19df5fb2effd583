import asyncio
import os

from runware import IImageBackgroundRemoval, Runware


async def main() -> None:
    client = Runware(
        api_key=os.environ["API_KEY"],
        url=os.environ.get("WS_URL", "ws://127.0.0.1:8000/v1"),
    )
    await client.connect()
    (result,) = await client.imageBackgroundRemoval(
        IImageBackgroundRemoval(inputImage="cat.jpg", outputFormat="PNG", includeCost=True)
    )
    print(result.imageURL, result.cost)
    await client.disconnect()


asyncio.run(main())
