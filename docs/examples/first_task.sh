curl "${HTTP_URL:-http://127.0.0.1:8000}/v1" \
  -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" \
  -d @- <<TASKS
[{"taskType": "removeBackground",
  "taskUUID": "$(python3 -c 'import uuid; print(uuid.uuid4())')",
  "inputImage": "data:image/jpeg;base64,$(base64 < cat.jpg | tr -d '\n')",
  "outputType": "URL",
  "includeCost": true}]
TASKS
