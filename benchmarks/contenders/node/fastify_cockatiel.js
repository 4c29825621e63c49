// By hand on fastify and undici, each upstream behind cockatiel: bulkhead, retry, circuit breaker, timeout.

import {
  bulkhead, circuitBreaker, ExponentialBackoff, handleAll, retry, SamplingBreaker, timeout, TimeoutStrategy, wrap
} from 'cockatiel'

import { addPages, get, pool, serve } from './pages.js'

const upstream = (name, port, perTry) => {
  const connections = pool(name, port)
  const policy = wrap(
    bulkhead(100, 100),
    retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
    circuitBreaker(handleAll, {
      halfOpenAfter: 2_000,
      breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 })
    }),
    timeout(perTry, TimeoutStrategy.Cooperative)
  )
  return path => policy.execute(({ signal }) => get(connections, path, signal))
}

serve(app => addPages(app, {
  catalog: upstream('CATALOG', 9001, 400),
  reviews: upstream('REVIEWS', 9002, 300),
  inventory: upstream('INVENTORY', 9003, 300)
}))
