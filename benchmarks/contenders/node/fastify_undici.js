// By hand on fastify and undici, no resilience: a pool for each upstream, calls beside one another.

import { addPages, get, pool, serve } from './pages.js'

const upstream = (name, port) => {
  const connections = pool(name, port)
  return path => get(connections, path)
}

serve(app => addPages(app, {
  catalog: upstream('CATALOG', 9001),
  reviews: upstream('REVIEWS', 9002),
  inventory: upstream('INVENTORY', 9003)
}))
