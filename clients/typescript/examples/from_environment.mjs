// A client by AVS_URL and the subject in AVS_WORKSPACE, AVS_SEGMENT, AVS_STAGE, AVS_ENVIRONMENT; the demo's without them.
import { Client } from "avs-brain-client";

const { env } = process;

/** The value unit that the examples count. */
export const UNIT = env.AVS_UNIT ?? "vu_usable_hd_minute";

export function clientFromEnvironment() {
  return new Client({
    baseUrl: env.AVS_URL ?? "http://127.0.0.1:5000",
    workspaceId: env.AVS_WORKSPACE ?? "ws_1049",
    segment: env.AVS_SEGMENT ?? "ai_video_smb",
    stage: env.AVS_STAGE ?? "learning",
    targetEnvironment: env.AVS_ENVIRONMENT ?? "production",
    directory: env.AVS_DIRECTORY ?? "avs-data",
    ...(env.AVS_API_TOKEN === undefined ? {} : { token: env.AVS_API_TOKEN }),
  }).start();
}

/** What a refused request is answered with. */
export const REFUSED = { block: 429, require_approval: 402 };
