"""Files, and the links with which others download them."""

from __future__ import annotations

from .rule import MISSING, Rule, post, refusal, sdk, shows

FILES = "/v1/files"
LINKS = "/v1/file_links"
GUIDE = "https://docs.stripe.com/file-upload"
EVIDENCE = "purpose=dispute_evidence"
DISPUTE = "/v1/disputes/<dispute>"
DISPUTED = ("disputed_intent", "dispute")
_CLASS = "DisputeUpdateParamsEvidence"

RULES = (
    Rule(
        id="file.multipart",
        says="A file is sent as multipart/form-data.",
        source=sdk("_file_create_params", "FileCreateParams.file"),
        refused=post(FILES, EVIDENCE, "file=tea"),
        answer=refusal(param="file"),
        accepted=post(FILES, EVIDENCE, "file=@tea.pdf"),
        result=shows(type="pdf", filename="tea.pdf", size=5),
    ),
    Rule(
        id="file.purpose",
        says="A file has a purpose.",
        source="OpenAPI POST /v1/files purpose",
        refused=post(FILES, "file=@tea.pdf"),
        answer=refusal(param="purpose", code="parameter_missing"),
        accepted=post(FILES, EVIDENCE, "file=@tea.pdf"),
        result=shows(purpose="dispute_evidence"),
    ),
    Rule(
        id="file.type",
        says="The content of a file has one of the formats of its purpose.",
        source="stripe/stripe-dotnet#1278",
        refused=post(FILES, EVIDENCE, "file=@tea.txt"),
        answer=refusal("We don't currently support that file type. Try uploading a file with one of the following"),
        accepted=post(FILES, EVIDENCE, "file=@tea.png"),
    ),
    Rule(
        id="file.size",
        says="Evidence has up to 5 MB.",
        source=GUIDE,
        refused=post(FILES, EVIDENCE, "file=@tea.pdf+5242880"),
        answer=refusal(param="file"),
        accepted=post(FILES, EVIDENCE, "file=@tea.pdf+5242875"),
    ),
    Rule(
        id="file.icon.size",
        says="An icon has up to 512 KB.",
        source=GUIDE,
        refused=post(FILES, "purpose=business_icon&file=@icon.png+524288"),
        answer=refusal(param="file"),
        accepted=post(FILES, "purpose=business_icon&file=@icon.png+524280"),
    ),
    Rule(
        id="file-link.file",
        says="A file link is for an existing file.",
        source=MISSING,
        refused=post(LINKS, "file=file_unknown"),
        answer=refusal("No such file: 'file_unknown'", param="file", code="resource_missing"),
        accepted=post(LINKS, "file=<evidence>"),
        result=shows(file="<evidence>", expired=False),
    ),
    Rule(
        id="file-link.expires_at",
        says="A file link expires in the future.",
        source=sdk("_file_link_create_params", "FileLinkCreateParams.expires_at"),
        refused=post(LINKS, "file=<evidence>&expires_at=<now-1>"),
        answer=refusal(param="expires_at"),
        accepted=post(LINKS, "file=<evidence>&expires_at=<now+60>"),
    ),
    Rule(
        id="dispute.evidence.file",
        says="A document of evidence is an uploaded file.",
        source=sdk("_dispute_update_params", f"{_CLASS}.receipt"),
        given=DISPUTED,
        refused=post(DISPUTE, "evidence[receipt]=file_unknown&submit=false"),
        answer=refusal(param="evidence[receipt]", code="resource_missing"),
        accepted=post(DISPUTE, "evidence[receipt]=<evidence>&submit=false"),
        result=shows(evidence__receipt="<evidence>"),
    ),
    Rule(
        id="dispute.evidence.file.purpose",
        says="A file of evidence was uploaded for this purpose.",
        source=GUIDE,
        given=DISPUTED,
        refused=post(DISPUTE, "evidence[receipt]=<icon>&submit=false"),
        answer=refusal(param="evidence[receipt]"),
        accepted=post(DISPUTE, "evidence[receipt]=<evidence>&submit=false"),
    ),
    Rule(
        id="dispute.evidence.files.size",
        says="All files of evidence have up to 4.5 MB together.",
        source="Automattic/woocommerce-payments#559",
        given=DISPUTED,
        refused=post(
            DISPUTE, "evidence[receipt]=<large_evidence>&evidence[refund_policy]=<large_evidence>&submit=false"
        ),
        answer=refusal("The files you've attached to this dispute as evidence will exceed the limit"),
        accepted=post(DISPUTE, "evidence[receipt]=<large_evidence>&submit=false"),
    ),
)
