curl "${HTTP_URL:-http://127.0.0.1:8000}/v1" \
  -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" \
  -d @- <<TASKS
[{"taskType": "removeBackground",
  "taskUUID": "$(cat /proc/sys/kernel/random/uuid)",
  "inputImage": "data:image/jpeg;base64,$(base64 -w0 cat.jpg)",
  "outputType": "URL",
  "includeCost": true}]
TASKS
