curl "${HTTP_URL:-http://127.0.0.1:8000}/blur_background" \
  -H "api_token: $API_KEY" -H "Content-Type: application/json" \
  -d @- <<BODY
{"image": "$(base64 < cat.jpg | tr -d '\n')", "scale": 3, "sync": true}
BODY
