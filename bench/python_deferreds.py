#!/usr/bin/python3
"""The jobs of torc_chains.c on Twisted or on asyncio, which the first argument names.

Prints "NAME VALUE UNIT" lines; exit status 77 says that it is not installed.
"""
import sys
import time

BATCH, BATCHES, ROUNDS = 64, 10, 3


def say(name, batches, run_batches):
    """RUN_BATCHES(n) does n batches and gives the seconds that they took."""
    best = min(run_batches(batches) for _ in range(ROUNDS))
    print("%s %.1f ns" % (name, best / (batches * BATCH) * 1e9), flush=True)


def twisted_jobs():
    from twisted.internet.defer import Deferred, gatherResults

    def callbacks_10():
        deferred = Deferred()
        for _ in range(10):
            deferred.addCallback(lambda number: number + 1)
        deferred.callback(1)

    def wait_for_another():
        outer, inner = Deferred(), Deferred()
        outer.addCallback(lambda unused: inner)
        outer.addCallback(lambda number: number + 1)
        outer.callback(None)
        inner.callback(1)

    def gather(count):
        parts = [Deferred() for _ in range(count)]
        gatherResults(parts, consumeErrors=True).addCallback(len)
        for part in parts:
            part.callback(1)

    return callbacks_10, wait_for_another, gather


def run_on_twisted():
    callbacks_10, wait_for_another, gather = twisted_jobs()

    def timed(job):
        def run_batches(batches):
            begin = time.perf_counter()
            for _ in range(batches * BATCH):
                job()
            return time.perf_counter() - begin
        return run_batches

    say("callbacks_10", BATCHES, timed(callbacks_10))
    say("wait_for_another", BATCHES, timed(wait_for_another))
    say("gather_of_3", BATCHES, timed(lambda: gather(3)))
    say("gather_of_100", 1, timed(lambda: gather(100)))


def run_on_asyncio():
    import asyncio

    async def add_one(inner):
        return await inner + 1

    def callbacks_10(loop):
        """Ten coroutines, each waiting for the next, as ten callbacks hand on to each other."""
        future = loop.create_future()
        chain = future
        for _ in range(10):
            chain = add_one(chain)
        task = loop.create_task(chain)
        loop.call_soon(future.set_result, 1)
        return task

    def wait_for_another(loop):
        future = loop.create_future()
        task = loop.create_task(add_one(loop.create_task(add_one(future))))
        loop.call_soon(future.set_result, 1)
        return task

    def gather(loop, count):
        parts = [loop.create_future() for _ in range(count)]
        result = asyncio.gather(*parts)
        for part in parts:
            part.set_result(1)
        return result

    def timed(job):
        async def run(batches):
            loop = asyncio.get_running_loop()
            begin = time.perf_counter()
            for _ in range(batches):
                for waiting in [job(loop) for _ in range(BATCH)]:
                    await waiting
            return time.perf_counter() - begin
        return lambda batches: asyncio.run(run(batches))

    say("callbacks_10", BATCHES, timed(callbacks_10))
    say("wait_for_another", BATCHES, timed(wait_for_another))
    say("gather_of_3", BATCHES, timed(lambda loop: gather(loop, 3)))
    say("gather_of_100", 1, timed(lambda loop: gather(loop, 100)))


def main():
    runs = {"twisted": run_on_twisted, "asyncio": run_on_asyncio}
    if len(sys.argv) != 2 or sys.argv[1] not in runs:
        sys.exit("usage: python_deferreds.py twisted|asyncio")
    try:
        runs[sys.argv[1]]()
    except ImportError as missing:
        print(missing, file=sys.stderr)
        sys.exit(77)


if __name__ == "__main__":
    main()
