-- wrk -s post.lua URL -- BODY RANKERS: posts a file to a ranker chosen by chance.
local body, count
function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  body = file:read("*a")
  file:close()
  count = tonumber(arguments[2])
  math.randomseed(1)
  wrk.headers["Content-Type"] = "application/octet-stream"
end
function request()
  return wrk.format("POST", "/rerank/" .. math.random(0, count - 1), nil, body)
end
