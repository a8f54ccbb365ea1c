# Made of langgraph.json by `python -m tests.support.image --write`; see docs/server.md.
FROM langchain/langgraph-api:3.11

ENV FTDOJO_HOME=/data
VOLUME /data

RUN PYTHONDONTWRITEBYTECODE=1 uv pip install --system --no-cache-dir -c /api/constraints.txt accelerate==1.15.0 chromadb==1.5.9 datasets==5.2.0 datasketch==2.0.0 huggingface-hub==2.4.0 jsonschema==4.26.0 math-verify[antlr4_13_2]==0.9.0 matplotlib==3.11.2 nltk==3.10.4 optuna==5.0.0 pandas==3.1.1 peft==0.21.2 pyarrow==26.0.1 rapidfuzz==3.14.6 rdkit==2026.9.1 regex==2026.11.15 rouge-score==0.1.2 safetensors==0.8.0 scikit-learn==1.8.0 tokenizers==0.23.3 torch==2.13.0 transformers==5.23.0 trl==1.16.0

# -- Adding local package . --
ADD . /deps/ft-dojo
# -- End of local package . --

# -- Installing all local dependencies --
RUN for dep in /deps/*; do             echo "Installing $dep";             if [ -d "$dep" ]; then                 echo "Installing $dep";                 (cd "$dep" && PYTHONDONTWRITEBYTECODE=1 uv pip install --system --no-cache-dir -c /api/constraints.txt -e .);             fi;         done
# -- End of local dependencies install --
ENV LANGGRAPH_HTTP='{"app": "/deps/ft-dojo/graph/server/app.py:app", "disable_mcp": true, "disable_a2a": true, "disable_webhooks": true, "disable_store": true}'
ENV LANGSERVE_GRAPHS='{"ftdojo": {"path": "/deps/ft-dojo/graph/studio.py:graph", "description": "Plan, curate, train, evaluate and diagnose until the budget ends; the sealed test is read once."}}'

# -- Ensure user deps didn't inadvertently overwrite langgraph-api
RUN mkdir -p /api/langgraph_api /api/langgraph_runtime /api/langgraph_license && touch /api/langgraph_api/__init__.py /api/langgraph_runtime/__init__.py /api/langgraph_license/__init__.py
RUN PYTHONDONTWRITEBYTECODE=1 uv pip install --system --no-cache-dir --no-deps -e /api
# -- End of ensuring user deps didn't inadvertently overwrite langgraph-api --
# -- Removing build deps from the final image ~<:===~~~ --
RUN pip uninstall -y pip setuptools wheel
RUN rm -rf /usr/local/lib/python*/site-packages/pip* /usr/local/lib/python*/site-packages/setuptools* /usr/local/lib/python*/site-packages/wheel* && find /usr/local/bin -name "pip*" -delete || true
RUN rm -rf /usr/lib/python*/site-packages/pip* /usr/lib/python*/site-packages/setuptools* /usr/lib/python*/site-packages/wheel* && find /usr/bin -name "pip*" -delete || true
RUN uv pip uninstall --system pip setuptools wheel && rm /usr/bin/uv /usr/bin/uvx

WORKDIR /deps/ft-dojo
