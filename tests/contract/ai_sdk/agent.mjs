// A small agent of the AI SDK, as somebody would write it: node agent.mjs SCENARIO BASE_URL [OTLP_ENDPOINT]
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [scenario, baseURL, endpoint] = process.argv.slice(2);
const model = createOpenAI({ baseURL, apiKey: "secret-key" }).chat("gpt-test");
const asked = { model, system: "Be kind.", prompt: "Where is order A-1? Grüße 🙂", maxRetries: 0 };
let provider;
if (endpoint) {
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` });
  provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  asked.experimental_telemetry = { isEnabled: true, functionId: "shop" };
}
if (scenario === "stream" || scenario === "close") {
  const controller = new AbortController();
  const result = streamText({ ...asked, abortSignal: controller.signal });
  for await (const _ of result.textStream) {
    if (scenario === "close") {
      controller.abort();
      break;
    }
  }
} else {
  const lookup = tool({
    description: "Find an order.",
    inputSchema: z.object({ order: z.string() }),
    execute: async ({ order }) => `${order} is on its way`,
  });
  await generateText({ ...asked, tools: { lookup }, stopWhen: stepCountIs(3) });
}
await provider?.shutdown();
