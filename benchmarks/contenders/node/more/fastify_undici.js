// The further cases by hand on fastify and undici.

import { get, pool, serve } from '../pages.js'

const items = pool('ITEMS', 9001)
const shelves = pool('SHELF', 9001)

const id = { type: 'integer' }
const params = (...names) => ({
  schema: { params: { type: 'object', properties: Object.fromEntries(names.map(name => [name, id])), required: names } }
})

serve(app => {
  app.get('/fan/:parts/:id', params('parts', 'id'), async ({ params: { parts, id } }) => {
    const calls = Array.from({ length: parts }, (_, part) => get(items, `/items/${id}/${part}`))
    return { items: await Promise.all(calls) }
  })

  app.get('/boxes/:size/:id', params('size', 'id'), ({ params: { size, id } }) => get(items, `/boxes/${size}/${id}`))

  app.get('/joined/:id', params('id'), async ({ params: { id } }) => {
    const { lines } = await get(shelves, `/shelves/${id}`)
    const query = new URLSearchParams(lines.map(({ sku }) => ['skus', sku]))
    const stocks = new Map((await get(shelves, `/stock?${query}`)).map(stock => [stock.sku, stock]))
    return lines.map(({ sku, quantity }) => ({ sku, quantity, available: stocks.get(sku).available }))
  })

  app.get('/joined-singly/:id', params('id'), async ({ params: { id } }) => {
    const { lines } = await get(shelves, `/shelves/${id}`)
    const stocks = await Promise.all(lines.map(({ sku }) => get(shelves, `/stock/${sku}`)))
    return lines.map(({ sku, quantity }, at) => ({ sku, quantity, available: stocks[at].available }))
  })

  for (let number = 0; number < Number(process.env.BENCH_ENDPOINTS ?? 0); number++) {
    app.get(`/small/${number}/:id`, params('id'), ({ params: { id } }) => get(items, `/items/${id}/0`))
  }
})
