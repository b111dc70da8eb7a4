-- The request for wrk, DEPTH times over in one write (`-- DEPTH`, 1 when left out), and figures
-- that the runner can read. wrk formats its request once, right after init, and then sends the same
-- bytes without asking Lua again; so it is the formatting that is replaced.

function init(arguments)
    local requests = string.rep(wrk.format(), tonumber(arguments[1]) or 1)
    wrk.format = function() return requests end
end

function done(summary)
    local errors = summary.errors
    io.write(string.format("messages %d\nseconds %.6f\nerrors %d\n", summary.requests,
        summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
