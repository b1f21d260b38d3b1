/** `postern events`, `deliveries` and `destinations`: what goes out. */
import { type Around, about, asking, command, group, option, rows } from '../command.ts'

const deliveryFilters = {
  status: {
    type: 'enum' as const,
    description: 'What has become of it',
    options: ['pending', 'waiting', 'delivered', 'dead', 'cancelled'],
  },
  destination: option('Where it goes', 'NAME'),
  subscription: option('That made it', 'NAME'),
  event: option('Id of the event', 'ID'),
  ...about,
}
const eventId = { type: 'positional', description: 'Id of the event, from list', required: true } as const
const deliveryId = { type: 'positional', description: 'Id of the delivery, from list', required: true } as const
const destinationName = { type: 'positional', description: 'Name of the destination', required: true } as const

export const events = ({ loading, out }: Around) =>
  group('events', 'Events of a running gateway', 'postern events list', {
    list: command(
      'events list',
      'Lists events, newest first',
      'postern events list --webhook contact-form --since 2h',
      {
        type: { type: 'enum', description: 'Kind of event', options: ['record.created', 'record.updated', 'webhook.received'] },
        ...about,
        ...rows,
        ...asking,
      },
      async args => (await import('../events.ts')).eventsList({ ...loading, ...args }, out),
    ),
    show: command(
      'events show',
      'Shows one event with its data and its deliveries',
      'postern events show evt_01JD0000000000000000000000',
      { id: eventId, ...asking },
      async args => (await import('../events.ts')).eventsShow({ ...loading, ...args }, out),
    ),
    retry: command(
      'events retry',
      'Sends its dead and cancelled deliveries again',
      'postern events retry evt_01JD0000000000000000000000 --destination crm',
      { id: eventId, destination: deliveryFilters.destination, ...asking },
      async args => (await import('../events.ts')).eventsRetry({ ...loading, ...args }, out),
    ),
  })

export const deliveries = ({ loading, out }: Around) =>
  group('deliveries', 'Deliveries of a running gateway', 'postern deliveries list', {
    list: command(
      'deliveries list',
      'Lists deliveries, those of the newest events first',
      'postern deliveries list --status dead --destination crm',
      { ...deliveryFilters, ...rows, ...asking },
      async args => (await import('../deliveries.ts')).deliveriesList({ ...loading, ...args }, out),
    ),
    show: command(
      'deliveries show',
      'Shows one delivery with its attempts',
      'postern deliveries show dlv_01JD0000000000000000000000_1a2b3c4d',
      { id: deliveryId, ...asking },
      async args => (await import('../deliveries.ts')).deliveriesShow({ ...loading, ...args }, out),
    ),
    retry: command(
      'deliveries retry',
      'Sends one delivery again, or all that the filters find; without a status, dead and cancelled ones',
      'postern deliveries retry --status dead --destination crm',
      { id: { ...deliveryId, required: false }, ...deliveryFilters, ...asking },
      async args => (await import('../deliveries.ts')).deliveriesRetry({ ...loading, ...args }, out),
    ),
    cancel: command(
      'deliveries cancel',
      'Gives up a delivery that is pending, waiting or dead',
      'postern deliveries cancel dlv_01JD0000000000000000000000_1a2b3c4d',
      { id: deliveryId, ...asking },
      async args => (await import('../deliveries.ts')).deliveriesCancel({ ...loading, ...args }, out),
    ),
  })

export const destinations = ({ loading, out }: Around) =>
  group('destinations', 'Destinations of a running gateway', 'postern destinations list', {
    list: command(
      'destinations list',
      'Lists destinations with what waits for them',
      'postern destinations list',
      { ...rows, ...asking },
      async args => (await import('../destinations.ts')).destinationsList({ ...loading, ...args }, out),
    ),
    pause: command(
      'destinations pause',
      'Sends nothing more; its deliveries wait',
      'postern destinations pause crm',
      { name: destinationName, ...asking },
      async args => (await import('../destinations.ts')).destinationsChange('pause', { ...loading, ...args }, out),
    ),
    resume: command(
      'destinations resume',
      'Sends again',
      'postern destinations resume crm',
      { name: destinationName, ...asking },
      async args => (await import('../destinations.ts')).destinationsChange('resume', { ...loading, ...args }, out),
    ),
  })
