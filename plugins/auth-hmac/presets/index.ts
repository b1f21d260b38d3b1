/** The list of presets, nothing else. */
import type { Preset } from '../settings.ts'
import adyenPlatform from './adyen-platform.ts'
import auth0LogStream from './auth0-log-stream.ts'
import bitbucket from './bitbucket.ts'
import box from './box.ts'
import calCom from './cal-com.ts'
import calendly from './calendly.ts'
import discord from './discord.ts'
import docusign from './docusign.ts'
import dropbox from './dropbox.ts'
import dropboxSign from './dropbox-sign.ts'
import github from './github.ts'
import gitlabSigning from './gitlab-signing.ts'
import gitlabToken from './gitlab-token.ts'
import hubspotV3 from './hubspot-v3.ts'
import inspire from './inspire.ts'
import intercom from './intercom.ts'
import jira from './jira.ts'
import line from './line.ts'
import linear from './linear.ts'
import mailgun from './mailgun.ts'
import metaWhatsapp from './meta-whatsapp.ts'
import notion from './notion.ts'
import okta from './okta.ts'
import openai from './openai.ts'
import paddle from './paddle.ts'
import pagerduty from './pagerduty.ts'
import razorpay from './razorpay.ts'
import replicate from './replicate.ts'
import sendgrid from './sendgrid.ts'
import sentry from './sentry.ts'
import shopify from './shopify.ts'
import slack from './slack.ts'
import square from './square.ts'
import standardWebhooks from './standard-webhooks.ts'
import standardWebhooksV1a from './standard-webhooks-v1a.ts'
import stripe from './stripe.ts'
import svix from './svix.ts'
import typeform from './typeform.ts'
import vercel from './vercel.ts'
import woocommerce from './woocommerce.ts'
import workos from './workos.ts'
import xTwitter from './x-twitter.ts'
import zendesk from './zendesk.ts'
import zendeskLegacyOrder from './zendesk-legacy-order.ts'
import zoom from './zoom.ts'

export const presets: ReadonlyMap<string, Preset> = new Map<string, Preset>(
  Object.entries({
    'adyen-platform': adyenPlatform,
    'auth0-log-stream': auth0LogStream,
    bitbucket,
    box,
    'cal-com': calCom,
    calendly,
    discord,
    docusign,
    dropbox,
    'dropbox-sign': dropboxSign,
    github,
    'gitlab-signing': gitlabSigning,
    'gitlab-token': gitlabToken,
    'hubspot-v3': hubspotV3,
    inspire,
    intercom,
    jira,
    line,
    linear,
    mailgun,
    'meta-whatsapp': metaWhatsapp,
    notion,
    okta,
    openai,
    paddle,
    pagerduty,
    razorpay,
    replicate,
    sendgrid,
    sentry,
    shopify,
    slack,
    square,
    'standard-webhooks': standardWebhooks,
    'standard-webhooks-v1a': standardWebhooksV1a,
    stripe,
    svix,
    typeform,
    vercel,
    woocommerce,
    workos,
    'x-twitter': xTwitter,
    zendesk,
    'zendesk-legacy-order': zendeskLegacyOrder,
    zoom,
  }),
)
